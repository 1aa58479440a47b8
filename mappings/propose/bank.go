package propose

import (
	"regexp"
	"strings"
)

// bankFile is a format that banks and their customers exchange: it holds movements and orders, and nobody's open invoices.
type bankFile struct {
	kind       string
	remittance bool // an order to a bank; otherwise the bank's statement
}

// bankRecords are those of records of one length, which begin with the number of their kind.
var bankRecords = []struct {
	bankFile
	length int
	begins *regexp.Regexp
}{
	{bankFile{kind: "CFONB 120"}, 120, regexp.MustCompile(`^0[1457][0-9]{5}`)},
	{bankFile{kind: "CFONB 240"}, 240, regexp.MustCompile(`^3[149][0-9]{2}`)},
	{bankFile{kind: "CFONB 160", remittance: true}, 160, regexp.MustCompile(`^0[3678][0-9]{2}`)},
}

// bankTexts are those that are known by words in their first lines.
var bankTexts = []struct {
	bankFile
	match *regexp.Regexp
}{
	{bankFile{kind: "MT940, MT942"}, regexp.MustCompile(`(?m)^:20:[\s\S]*?^:(25|28|28C|60F|60M|61|34F):|^:(60[FM]:[CD][0-9]{6}[A-Z]{3}|61:[0-9]{6})`)},
	{bankFile{kind: "MT"}, regexp.MustCompile(`\A\s*\{1:F01`)},
	{bankFile{kind: "OFX"}, regexp.MustCompile(`(OFXHEADER[:=]|<OFX>)`)},
	{bankFile{kind: "QIF"}, regexp.MustCompile(`\A\s*!Type:(Bank|CCard|Cash)`)},
	{bankFile{kind: "camt"}, regexp.MustCompile(`(?i)<[a-z0-9:]*Document\b[^>]*camt\.05[234]|<BkToCstmr`)},
	{bankFile{kind: "pain.002"}, regexp.MustCompile(`(?i)<[a-z0-9:]*Document\b[^>]*pain\.002`)},
	{bankFile{kind: "pain", remittance: true}, regexp.MustCompile(`(?i)<[a-z0-9:]*Document\b[^>]*pain\.0`)},
}

// bank refuses what is exchanged with a bank: balances, movements and orders would be taken for what customers owe.
func (s *sample) bank() error {
	head := s.text[:min(len(s.text), 4000)]
	for _, b := range bankTexts {
		if b.match.MatchString(head) {
			return b.refuse()
		}
	}
	lines := strings.FieldsFunc(s.text[:min(len(s.text), 1<<18)], func(r rune) bool { return r == '\n' || r == '\r' || r == '\x1a' })
	for _, b := range bankRecords {
		if isRecords(lines, b.length, b.begins) {
			return b.refuse()
		}
	}
	return nil
}

func (b bankFile) refuse() error {
	if b.remittance {
		return refuse("propose.remittance", "kind", b.kind)
	}
	return refuse("propose.statement", "kind", b.kind)
}

// isRecords tells records of a length that all begin as they must, with or without line ends; a few may have lost blanks.
func isRecords(lines []string, length int, begins *regexp.Regexp) bool {
	full, all := 0, 0
	for _, l := range lines {
		rs := []rune(l)
		for len(rs) > length && len(lines) == 1 { // without line ends
			if !begins.MatchString(string(rs[:length])) {
				return false
			}
			rs = rs[length:]
			full, all = full+1, all+1
		}
		if strings.TrimSpace(string(rs)) == "" {
			continue
		}
		if len(rs) > length || !begins.MatchString(string(rs)) {
			return false
		}
		if all++; len(rs) == length {
			full++
		}
	}
	return full > 0 && full*10 >= all*7
}

package journal

import "strconv"

// appendPair adds name and value as two netstrings ("6:due_on10:2026-12-02"); an empty value adds nothing.
func appendPair(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	for _, s := range [...]string{name, value} {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, ':')
		b = append(b, s...)
	}
	return b
}

// eachPair reads what appendPair wrote; it stops at the first byte that is not of that form. All texts share one copy of b.
func eachPair(b []byte, to func(name, value string)) {
	for rest := string(b); rest != ""; {
		var s [2]string
		for i := range s {
			n, k := 0, 0
			for k < len(rest) && rest[k] >= '0' && rest[k] <= '9' && k < 9 {
				n = n*10 + int(rest[k]-'0')
				k++
			}
			if k == 0 || k >= len(rest) || rest[k] != ':' || len(rest)-k-1 < n {
				return
			}
			s[i], rest = rest[k+1:k+1+n], rest[k+1+n:]
		}
		to(s[0], s[1])
	}
}

func itoa(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // written by itoa
	return n
}

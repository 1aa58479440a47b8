package mappings

import (
	"errors"
	"testing"
	"time"
)

func formats(t testing.TB, patterns ...string) []dateFormat {
	t.Helper()
	var out []dateFormat
	for _, p := range patterns {
		f, err := parseDatePattern(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

func TestDates(t *testing.T) {
	french := []string{"%d/%m/%Y", "%d/%m/%y"}
	tests := []struct {
		in       string
		patterns []string
		year     int
		want     string
	}{
		{"02/11/2026", french, 0, "2026-11-02"},
		{"2/11/2026", french, 0, "2026-11-02"},
		{"2/1/2026", french, 0, "2026-01-02"},
		{"03/12/26", french, 0, "2026-12-03"},
		{"03/12/79", french, 0, "2079-12-03"},
		{"03/12/80", french, 0, "1980-12-03"},
		{"29/02/2028", french, 0, "2028-02-29"},
		{"31/11/2026", french, 0, "NV-1204.impossible"},
		{"29/02/2026", french, 0, "NV-1204.impossible"},
		{"29/02/1900", french, 0, "NV-1204.impossible"},
		{"00/12/2026", french, 0, "NV-1204.impossible"},
		{"01/13/2026", french, 0, "NV-1204.impossible"},
		{"01/01/0001", french, 0, "NV-1204.impossible"},
		{"1/1/1", french, 0, "NV-1204.unreadable"},
		{"2026-11-02", french, 0, "NV-1204.unreadable"},
		{"02.11.2026", french, 0, "NV-1204.unreadable"},
		{"02/11/2026 ", french, 0, "NV-1204.unreadable"},
		{"02/11/202", french, 0, "NV-1204.unreadable"},
		{"02/11/20260", french, 0, "NV-1204.unreadable"},
		{"02/11/2026", []string{"JJ/MM/AAAA"}, 0, "2026-11-02"},
		{"02.11.2026", []string{"DD.MM.YYYY"}, 0, "2026-11-02"},
		{"20261102", []string{"YYYYMMDD"}, 0, "2026-11-02"},
		{"20261102", []string{"%Y%m%d"}, 0, "2026-11-02"},
		{"261102", []string{"YYMMDD"}, 0, "2026-11-02"},
		{"021126", []string{"%d%m%y"}, 0, "2026-11-02"},
		{"21126", []string{"%d%m%y"}, 0, "NV-1204.unreadable"},
		{"310226", []string{"%d%m%y"}, 0, "NV-1204.impossible"},
		{"2026-11-02T08:30:00", []string{"%Y-%m-%dT%H:%M:%S"}, 0, "2026-11-02"},
		{"2026-11-02 25:30", []string{"YYYY-MM-DD hh:mm"}, 0, "NV-1204.unreadable"},
		{"46331", []string{"%d/%m/%Y", "excel"}, 0, "2026-11-05"},
		{"1", []string{"excel"}, 0, "1900-01-01"},
		{"59", []string{"excel"}, 0, "1900-02-28"},
		{"60", []string{"excel"}, 0, "NV-1204.impossible"},
		{"61", []string{"excel"}, 0, "1900-03-01"},
		{"99999999", []string{"excel"}, 0, "NV-1204.unreadable"},
		{"0311", []string{"%d%m"}, 2026, "2026-11-03"},
		{"2902", []string{"%d%m"}, 2026, "NV-1204.impossible"},
		{"13/02/2026", []string{"DD/MM/YYYY", "MM/DD/YYYY"}, 0, "2026-02-13"},
		{"", french, 0, "NV-1204.unreadable"},
		{"3 Nov 2026", []string{"%d %b %Y"}, 0, "2026-11-03"},
		{"3 novembre 2026", []string{"JJ MMM AAAA"}, 0, "2026-11-03"},
		{"03-déc.-26", []string{"%d-%b-%y"}, 0, "2026-12-03"},
		{"3. März 2026", []string{"%d. %B %Y"}, 0, "2026-03-03"},
		{"Dec 3, 2026", []string{"%b %d, %Y"}, 0, "2026-12-03"},
		{"1 août 2026", []string{"%d %b %Y"}, 0, "2026-08-01"},
		{"3 jui 2026", []string{"%d %b %Y"}, 0, "NV-1204.unreadable"}, // June or July
		{"3 novembr 2026", []string{"%d %b %Y"}, 0, "NV-1204.unreadable"},
		{"31 nov. 2026", []string{"%d %b %Y"}, 0, "NV-1204.impossible"},
		{"3 11 2026", []string{"%d %b %Y"}, 0, "NV-1204.unreadable"},
		{"2026-12-03 00:00:00.000", []string{"%Y-%m-%d %H:%M:%S.%f"}, 0, "2026-12-03"},
		{"2026-12-03 00:00:00.", []string{"%Y-%m-%d %H:%M:%S.%f"}, 0, "NV-1204.unreadable"},
		{"2026-12-03T10:00:00.000Z", []string{"%Y-%m-%dT%H:%M:%S.%f%z"}, 0, "2026-12-03"},
		{"2026-12-03T10:00:00+01:00", []string{"%Y-%m-%dT%H:%M:%S%z"}, 0, "2026-12-03"},
		{"2026-12-03T10:00:00-0500", []string{"%Y-%m-%dT%H:%M:%S%z"}, 0, "2026-12-03"},
		{"2026-12-03T10:00:00+1", []string{"%Y-%m-%dT%H:%M:%S%z"}, 0, "NV-1204.unreadable"},
		{"12/03/2026 1:30 PM", []string{"%m/%d/%Y %I:%M %p"}, 0, "2026-12-03"},
	}
	for _, tt := range tests {
		got, ft := readDate(formats(t, tt.patterns...), tt.in, tt.year)
		if ft != nil {
			got = ft.key
		}
		if got != tt.want {
			t.Errorf("date %q by %q = %s, want %s", tt.in, tt.patterns, got, tt.want)
		}
	}
}

func TestDatePatternsAreShownAsPeopleWriteThem(t *testing.T) {
	fr, en := expected(formats(t, "%d/%m/%Y", "YYMMDD", "excel"))
	if want := "JJ/MM/AAAA ou AAMMJJ ou numéro de jour d'Excel"; fr != want {
		t.Errorf("fr %q, want %q", fr, want)
	}
	if want := "DD/MM/YYYY or YYMMDD or Excel day number"; en != want {
		t.Errorf("en %q, want %q", en, want)
	}
	for _, bad := range []string{"", "%Y", "%d/%m/%Q", "DD/MM/YYYY/DD", "d/m/y", "%d/%m/%Y/%y", "31/12/2026"} {
		if _, err := parseDatePattern(bad); !errors.Is(err, ErrPattern) {
			t.Errorf("pattern %q: %v, want ErrPattern", bad, err)
		}
	}
}

// FuzzDate: a date that is read exists, and is written back by its pattern as a text that reads the same.
func FuzzDate(f *testing.F) {
	f.Add("02/11/2026", "%d/%m/%Y")
	f.Add("2/1/26", "DD/MM/YY")
	f.Add("46331", "excel")
	f.Add("1", "excel") // written as 2 once
	f.Add("59", "excel")
	f.Add("61", "excel")
	f.Fuzz(func(t *testing.T, s, pattern string) {
		df, err := parseDatePattern(pattern)
		if err != nil || df.noYear {
			return
		}
		iso, ft := readDate([]dateFormat{df}, s, 0)
		if ft != nil {
			return
		}
		if _, err := time.Parse(time.DateOnly, iso); err != nil {
			t.Fatalf("%q by %q = %q: %v", s, pattern, iso, err)
		}
		if again, ft := readDate([]dateFormat{df}, df.write(iso), 0); ft != nil || again != iso {
			t.Fatalf("%q by %q = %s, written %q, read again %q", s, pattern, iso, df.write(iso), again)
		}
	})
}

package propose_test

import (
	"strings"
	"testing"
)

// TestDateBeforeAmount: a date that runs into an amount with a mark is no part of it.
func TestDateBeforeAmount(t *testing.T) {
	holdTo(t, []product{
		{name: "one date", file: "liste.txt", text: "FA0001  DUPONT      202612030001234,56EUR\nFA0002  DURAND      202612140000020,00EUR\nFA0003  MARTIN      202612150000120,50EUR\n",
			want: []string{"1 FA0001 123456 - 2026-12-03", "2 FA0002 2000 - 2026-12-14", "3 FA0003 12050 - 2026-12-15"}},
		{name: "two dates", file: "liste.txt", text: "FA0001  DUPONT      20261103202612030001234.56EUR\nFA0002  DURAND      20261114202612140000020.00EUR\nFA0003  MARTIN      20261115202612150000120.50EUR\n",
			want: []string{"1 FA0001 123456 2026-12-03 2026-11-03", "2 FA0002 2000 2026-12-14 2026-11-14", "3 FA0003 12050 2026-12-15 2026-11-15"}},
	})
}

// TestRules: lines of dashes say nothing of how wide a table is, however many there are.
func TestRules(t *testing.T) {
	dashes := strings.Repeat("-", 60) + "\n"
	holdTo(t, []product{{name: "a list between bars", file: "liste.txt", text: " Customer  100012\n Company   1000\n\n" + dashes + "|  |DocumentNo|Doc. Date |Net due dt|  Amt in loc.cur.|LCurr|\n" + dashes +
		"|  |1800000451|03.11.2026|03.12.2026|         1.234,56|EUR  |\n|  |1800000452|04.11.2026|14.12.2026|           500,00|EUR  |\n" + dashes + "|* |          |          |          |         1.734,56|EUR  |\n" + dashes + dashes,
		want: []string{"7 1800000451 123456 2026-12-03 2026-11-03", "8 1800000452 50000 2026-12-14 2026-11-04"}}})
}

package config

import (
	"testing"
	"time"
)

func TestExpect(t *testing.T) {
	const rest = "gateways: {psp: {type: sandbox}}\nflows:\n  f:\n    in: /x/in\n    out: /x/out\n    mapping: factures-excel-fr\n    gateway: psp\n"
	tests := []struct {
		name, yaml string
		want       Expect
	}{
		{"nothing", "", Expect{}},
		{"all of it", "    expect: {every: 24h, by: \"18:00\", days: mon-fri, collect: 4h}\n", Expect{24 * time.Hour, "18:00", 0b0111110, 4 * time.Hour}},
		{"weekdays", "    expect: {every: 1d, days: weekdays}\n", Expect{Every: day, Days: 0b0111110}},
		{"over the week's end", "    expect: {every: 1d, days: \"fri-mon,wed\"}\n", Expect{Every: day, Days: 0b1101011}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := load(t, map[string]string{"navette.yaml": rest + tt.yaml}).Flows["f"].Expect; got != tt.want {
				t.Errorf("expect = %+v, want %+v", got, tt.want)
			}
		})
	}
	for _, bad := range []string{"every: soon", "by: 25:00", "by: noon", "days: monday", "days: mon-", "colect: 4h"} {
		env, opt := world(t, map[string]string{"navette.yaml": rest + "    expect: {" + bad + "}\n"})
		if _, err := Load(env, opt); err == nil {
			t.Errorf("expect: {%s} is taken, want an error", bad)
		}
	}
}

package mappings

import "testing"

func TestEmails(t *testing.T) {
	for s, want := range map[string]bool{
		"compta@lefevre.example": true, "a.b+c@x-y.example": true, "élise@école.example": true, "o'neil@x.ie": true, "1@2.fr": true,
		"factures(at)coeurdeboeuf.example": false, "claire.dubois@@example": false, "gemini": false, "jean.dupont@": false, "@x.fr": false,
		"a@b": false, "a@b.c": false, "a@.fr": false, "a@x..fr": false, "a@-x.fr": false, "a@x-.fr": false, "a@x.fr.": false, ".a@x.fr": false,
		"a..b@x.fr": false, "a b@x.fr": false, "a@x.fr;b@x.fr": false, "a@x.fr, b@x.fr": false, "A <a@x.fr>": false, "a@x.123": false,
		"a@x_y.fr": false, "": false, "a@127.0.0.1": false,
	} {
		if got := validEmail(s); got != want {
			t.Errorf("e-mail %q: %v, want %v", s, got, want)
		}
	}
}

func TestPhones(t *testing.T) {
	tests := []struct{ in, region, want string }{
		{"02 40 11 22 33", "FR", "+33240112233"}, {"06.12.34.56.78", "FR", "+33612345678"}, {"0240998877", "FR", "+33240998877"},
		{"612345678", "FR", "+33612345678"}, {"+33 6 12 34 56 78", "FR", "+33612345678"}, {"+33 (0)6 12 34 56 78", "FR", "+33612345678"},
		{"0033612345678", "FR", "+33612345678"}, {"0033 (0)6 12 34 56 78", "FR", "+33612345678"}, {"+32 2 555 12 12", "FR", "+3225551212"},
		{"0692 12 34 56", "FR", "+262692123456"}, {"0590 12 34 56", "FR", "+590590123456"}, {"02 555 12 12", "BE", "+3225551212"},
		{"044 668 18 00", "CH", "+41446681800"}, {"06 698 12345", "IT", "+390669812345"}, {"912 345 678", "ES", "+34912345678"},
		{"(212) 555-0123", "US", "+12125550123"}, {"1-212-555-0123", "US", "+12125550123"}, {"+1 212 555 0123", "", "+12125550123"},
		{"12", "FR", ""}, {"02 40 11 22 3", "FR", ""}, {"02 40 11 22 33 4", "FR", ""}, {"00 40 11 22 33", "FR", "+40112233"}, {"0612345678", "", ""},
		{"06 12 34 56 78 / 02 40 11 22 33", "FR", ""}, {"tel 0612345678", "FR", ""}, {"+33 0612345678", "FR", ""}, {"+336123", "FR", ""}, {"", "FR", ""},
		{"+0612345678", "FR", ""}, {"0612345678 (soir)", "FR", ""},
	}
	for _, tt := range tests {
		r, _ := regionOf(tt.region)
		got, ok := r.phone(tt.in)
		if !ok {
			got = ""
		}
		if got != tt.want {
			t.Errorf("phone %q in %q = %q, want %q", tt.in, tt.region, got, tt.want)
		}
	}
}

func TestIBANs(t *testing.T) {
	tests := []struct{ in, want string }{
		{"FR76 3000 6000 0112 3456 7890 189", "FR7630006000011234567890189"}, {"fr7630006000011234567890189", "FR7630006000011234567890189"},
		{"DE89370400440532013000", "DE89370400440532013000"}, {"FR7630006000011234567890188", ""}, {"FR763000600001123456789018", ""},
		{"FR76", ""}, {"", ""}, {"7630006000011234567890189", ""}, {"FR76300060000112345678901é9", ""},
	}
	for _, tt := range tests {
		got, ok := iban(tt.in)
		if !ok {
			got = ""
		}
		if got != tt.want {
			t.Errorf("iban %q = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSIRENs(t *testing.T) {
	tests := []struct{ in, want string }{
		{"552100554", "552100554"}, {"552 100 554", "552100554"}, {"552100555", ""}, {"55210055", ""}, {"55210055A", ""}, {"", ""},
	}
	for _, tt := range tests {
		got, ok := siren(tt.in)
		if !ok {
			got = ""
		}
		if got != tt.want {
			t.Errorf("siren %q = %q, want %q", tt.in, got, tt.want)
		}
	}
}

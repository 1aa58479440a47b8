package mappings

import (
	"bytes"
	"testing"
)

// What names a payment stays, what names a person goes.
func TestImpersonalFields(t *testing.T) {
	text := func(kind byte, words ...string) []byte {
		b := []byte{kind}
		for _, w := range words {
			b = appendText(b, w)
		}
		return b
	}
	reference, amount := text(keptText, "reference", "FA-1"), text(keptNumber, "amount", "EUR", "12.50")
	whole := bytes.Join([][]byte{{keptVersion}, reference, text(keptText, "customer.email", "jane@example.com"), amount, text(keptNumber, "metadata.phone", "", "33612345678"),
		{keptLine, 2}, text(keptCell, "Mail", "jane@example.com"), text(keptTrue, "metadata.pro")}, nil)
	want := bytes.Join([][]byte{{keptVersion}, reference, amount, text(keptTrue, "metadata.pro")}, nil)
	if got := Impersonal(whole); !bytes.Equal(got, want) {
		t.Errorf("Impersonal = %q, want %q", got, want)
	}
	for _, damaged := range [][]byte{nil, {9}, whole[:len(whole)-3]} {
		if got := Impersonal(damaged); got != nil {
			t.Errorf("Impersonal(%q) = %q, want nothing", damaged, got)
		}
	}
}

func TestImpersonalHead(t *testing.T) {
	for _, tt := range []struct{ name, bytes, titles, want string }{
		{"titles alone", "Ref;Mail\r\n", "Ref;Mail", "Ref;Mail\r\n"},
		{"preamble", "Export of Jane\nRef;Mail\n", "Ref;Mail", "Ref;Mail\n"},
		{"mark and preamble", "\ufeffExport of Jane\nRef;Mail\n", "Ref;Mail", "\ufeffRef;Mail\n"},
		{"mark", "\ufeffRef;Mail\n", "Ref;Mail", "\ufeffRef;Mail\n"},
		{"no titles", "\ufeffExport of Jane\n", "", "\ufeff"},
		{"nothing", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := Head{Bytes: []byte(tt.bytes), At: max(0, bytes.Index([]byte(tt.bytes), []byte(tt.titles))), Length: len(tt.titles)}
			got := h.Impersonal()
			if string(got.Bytes) != tt.want || string(got.Bytes[got.At:got.At+got.Length]) != tt.titles {
				t.Errorf("%q: %q with titles %q, want %q with %q", tt.bytes, got.Bytes, got.Bytes[got.At:got.At+got.Length], tt.want, tt.titles)
			}
		})
	}
}

// FuzzImpersonal: whatever the bytes, what is left can be read back.
func FuzzImpersonal(f *testing.F) {
	f.Add(bytes.Join([][]byte{{keptVersion}, appendText(appendText([]byte{keptText}, "reference"), "FA-1")}, nil))
	m := &Mapping{}
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := Impersonal(b)
		if err := unpackFields(m, ReturnRow{Fields: kept}, map[string]any{}); err != nil {
			t.Errorf("Impersonal(%q) = %q, which cannot be read: %v", b, kept, err)
		}
		if again := Impersonal(kept); !bytes.Equal(again, kept) && len(kept) > 0 {
			t.Errorf("Impersonal twice: %q, then %q", kept, again)
		}
	})
}

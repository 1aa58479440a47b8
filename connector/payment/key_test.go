package payment

import (
	"fmt"
	"regexp"
	"testing"
)

// TestKeysNeverChange pins keys: an instruction sent under one key and asked for under another would be sent twice.
func TestKeysNeverChange(t *testing.T) {
	for _, c := range []struct {
		in   Instruction
		want string
	}{
		{Instruction{Account: "http:psp.example:test", Kind: Request, Reference: "FA26-00412"}, "hjksnql3ykwyadksdezx7jomwxqfb356"},
		{Instruction{Account: "http:psp.example:test", Kind: Request, Reference: "FA26-00412", Part: "deposit", Revision: 1}, "dun7uf2qxcwcr5xzqffyqc4aca3fqub3"},
		{Instruction{Account: "a", Kind: Operate, Operation: Refund, TransactionID: "T-1", Amount: Amount{4500, "EUR"}, Date: "2026-11-22"}, "vuhrlka5mvysuclffxaihknqh6cd3ptr"},
		{Instruction{Account: "a", Kind: Operate, Operation: Refund, ERPKey: "OP-7"}, "mswqgvrmtnxucx2oohq44urkfn7pvipk"},
	} {
		if got := NewKey(&c.in); got != c.want {
			t.Errorf("NewKey(%+v) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestKeysTellApart(t *testing.T) {
	seen := map[string]string{}
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`) // contract §6
	for _, in := range []Instruction{
		{Account: "a", Kind: Request, Reference: "1"},
		{Account: "b", Kind: Request, Reference: "1"},
		{Account: "a", Kind: Request, Reference: "1", Part: "1"},
		{Account: "a", Kind: Request, Reference: "11"},
		{Account: "a", Kind: Request, Reference: "1|1"},
		{Account: "a", Kind: Request, Reference: "1", Revision: 1},
		{Account: "a", Namespace: "n", Kind: Request, Reference: "1"},
		{Account: "an", Kind: Request, Reference: "1"},
		{Account: "a", Kind: Operate, Operation: Refund, Reference: "1"},
		{Account: "a", Kind: Operate, Operation: Refund, TransactionID: "1"},
		{Account: "a", Kind: Operate, Operation: Refund, PaymentID: "1"},
		{Account: "a", Kind: Operate, Operation: Cancel, Reference: "1"},
		{Account: "a", Kind: Operate, Operation: Refund, Reference: "1", Amount: Amount{1, "EUR"}},
		{Account: "a", Kind: Operate, Operation: Refund, Reference: "1", Amount: Amount{0, "EUR"}},
		{Account: "a", Kind: Operate, Operation: Refund, Reference: "1", Date: "2026-01-01"},
		{Account: "a", Kind: Operate, Operation: Refund, Reference: "1", Part: "1"},
		{Account: "a", Kind: Operate, Operation: Refund, Reference: "1", Part: "2"},
		{Account: "a", Kind: Operate, Operation: Refund, ERPKey: "1"},
		{Account: "a", Kind: Operate, Operation: Refund, ERPKey: `o|refund||||`},
	} {
		k := NewKey(&in)
		if !form.MatchString(k) {
			t.Errorf("key %q of %+v is not of the form of contract §6", k, in)
		}
		if was, ok := seen[k]; ok {
			t.Errorf("%+v has the key of %s", in, was)
		}
		seen[k] = fmt.Sprintf("%+v", in)
	}
}

func TestKeyKnowsNoFileAndNoValues(t *testing.T) {
	a := Instruction{Account: "a", Kind: Request, Reference: "1", Amount: Amount{1, "EUR"}, Source: Source{"f", "x.csv", 2}}
	b := Instruction{Account: "a", Kind: Request, Reference: "1", Amount: Amount{2, "EUR"}, Source: Source{"g", "y.csv", 9}, DueOn: "2026-01-01"}
	if NewKey(&a) != NewKey(&b) {
		t.Error("the key of a request depends on its file or values")
	}
	if Fingerprint(&a, "") == Fingerprint(&b, "") {
		t.Error("the fingerprint does not see another amount")
	}
	one, two := Instruction{Kind: Operate, ERPKey: "k", Reference: "1", Part: "1"}, Instruction{Kind: Operate, ERPKey: "k", Reference: "1", Part: "2"}
	if Fingerprint(&one, "") == Fingerprint(&two, "") {
		t.Error("the fingerprint of an operation does not see another part")
	}
	c := a
	c.Source = b.Source
	if Fingerprint(&a, "") != Fingerprint(&c, "") {
		t.Error("the fingerprint sees the file")
	}
}

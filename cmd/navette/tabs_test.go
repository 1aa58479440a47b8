package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/gateway/payboxsim"
	"github.com/navette-connect/navette/connector/gateway/sipssim"
)

// oneLink drops an invoice and gives its link.
func (w *payboxWorld) oneLink(t *testing.T, s *served) string {
	t.Helper()
	w.place(t, "in", "a.csv", []byte(head+line("FA-1", "100,00")))
	ret := s.answer(t, "out", "a.ret.csv")
	if len(ret) != 1 || ret[0]["nv_link"] == "" {
		t.Fatalf("result %v", ret)
	}
	return ret[0]["nv_link"]
}

// TestTwoTabs: two tabs are opened before the first payment, and both are paid. Where the PSP refuses the second, nothing
// happens; where it does not, the second payment is told with its code and can be refunded by its transaction.
func TestTwoTabs(t *testing.T) {
	for name, unique := range map[string]bool{"Paybox refuses the second": true, "Paybox takes both": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newPayboxWorld(t, payboxsim.Options{Unique: unique}, ", poll: 1h, settle: 60ms")
			public, to := publicAddress(t)
			s := w.serve(t, "NAVETTE_PUBLIC_URL="+public)
			to(s.address(t))
			link := w.oneLink(t, s)
			page, _ := look(t, link)
			_, first, fields := formOf(t, link)
			again, _ := look(t, link)
			if warning := "autre onglet"; strings.Contains(page, warning) || !strings.Contains(again, warning) {
				t.Error("the second tab alone warns of the first")
			}
			_, second, more := formOf(t, link)
			if status, _ := press(t, first, fields, "pay"); status != http.StatusSeeOther {
				t.Fatalf("the first payment: %d", status)
			}
			w.told(t, s, "out", "STATUS_f_", "FA-1", "paid", "100,00")
			status, _ := press(t, second, more, "pay")
			if unique {
				if d := w.sim.Ledger().Doubles; status != http.StatusConflict || d != 0 {
					t.Errorf("the second payment: %d, %d doubles", status, d)
				}
				return
			}
			s.logs(t, "NV-2109", "news.conflict")
			var rows []struct{ Reference, State, Code, Message string }
			if err := json.Unmarshal([]byte(w.says(t, 0, "rows", "--code", "nv-2109", "--json")), &rows); err != nil || len(rows) != 1 || rows[0].Reference != "FA-1" || rows[0].State != "paid" {
				t.Fatalf("rows %+v, %v", rows, err)
			}
			_, text, _ := strings.Cut(rows[0].Message, "transaction ")
			id, _, _ := strings.Cut(text, " ")
			w.place(t, "in2", "ops.csv", []byte("Op;Transaction;Facture;Montant;Cle\r\nrefund;"+id+";;100,00;K1\r\n"))
			if ops := s.answer(t, "out2", "ops.ret.csv"); ops[0]["nv_state"] != "done" {
				t.Errorf("refund of %s: %v", id, ops)
			}
			live := 0
			for _, tr := range w.sim.Ledger().Transactions {
				if tr.Status == payboxsim.Captured {
					live++
				}
			}
			if live != 1 {
				t.Errorf("%d payments stand, want one", live)
			}
		})
	}
	t.Run("Sips refuses the second", func(t *testing.T) {
		t.Parallel()
		w := newSipsWorld(t, sipssim.Options{}, ", poll: 1h, settle: 60ms")
		public, to := publicAddress(t)
		s := w.serve(t, "NAVETTE_PUBLIC_URL="+public)
		to(s.address(t))
		link := w.oneLink(t, s)
		_, first, fields := formOf(t, link)
		_, second, more := formOf(t, link)
		if status := pressSips(t, first, fields, "pay"); status != http.StatusOK {
			t.Fatalf("the first payment: %d", status)
		}
		if status := pressSips(t, second, more, "pay"); status != http.StatusConflict {
			t.Errorf("the second payment: %d, want 409", status)
		}
		w.told(t, s, "out", "STATUS_f_", "FA-1", "paid", "100,00")
		if d := w.sips.LedgerNow().Doubles; d != 0 {
			t.Errorf("%d doubles", d)
		}
	})
}

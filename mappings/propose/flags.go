package propose

import (
	"slices"
	"strings"
)

// flag is a column that answers with yes or no whether a document is paid.
type flag struct {
	p    *profile
	open bool // yes means that it is not paid
	part bool // yes means that a part is: a deposit
}

// findFlags finds such columns, whatever they are called, and takes them for neither sums that were paid nor words of a
// status: Payé with 1 and 0 is no amount.
func (d *description) findFlags() {
	for _, p := range d.cols {
		f, ok := flagOf(p)
		if !ok {
			if p == d.role["status"] && yesNo(p) && p.likes["status"] < 80 { // yes to something else: Paiement en ligne
				delete(d.role, "status")
			}
			continue
		}
		free := true
		for role, q := range d.role {
			if q == p && !strings.HasPrefix(role, "-") && !(role == "status" && f.open) && !(role == "letter" && inWords(p)) {
				free = false
			}
		}
		if !free {
			continue
		}
		for role, q := range d.role {
			if q == p {
				delete(d.role, role)
			}
		}
		d.flags = append(d.flags, f)
	}
}

// flagOf tells such a column by its title and its cells.
func flagOf(p *profile) (f flag, ok bool) {
	w := words(strings.NewReplacer("oui/non", "", "Oui/Non", "", "O/N", "", "o/n", "", "yes/no", "", "Yes/No", "", "Y/N", "", "y/n", "").Replace(p.title))
	has := func(list ...string) bool {
		return slices.ContainsFunc(w, func(s string) bool { return slices.Contains(list, s) })
	}
	f.p = p
	f.part = has("acompte", "acomptes", "deposit", "anzahlung", "anticipo", "partiel", "partielle", "partiellement", "partial", "partially", "partly")
	f.open = has("impaye", "impayee", "unpaid", "ouvert", "ouverte", "open", "offen", "outstanding", "non", "not", "pas")
	paid := has("impaye", "impayee", "unpaid", "ouvert", "ouverte", "open", "offen", "outstanding") ||
		slices.ContainsFunc(w, func(s string) bool { return says("paid", s) }) ||
		has("lettrage") && inWords(p) || has("reglement", "paiement", "payment", "encaissement", "virement", "acompte", "deposit", "zahlung", "pago", "pagamento", "betaling") &&
		(len(w) == 1 || has("recu", "recue", "received", "fait", "effectue", "verse", "done", "erhalten", "ok", "hecho", "ricevuto", "ontvangen"))
	if !paid || p.n == 0 || !yesNo(p) && !answers(p) {
		return f, false
	}
	ones := slices.Contains(p.cells, "1")
	for _, c := range p.cells {
		if c == "0" && !ones || (c == "0" || c == "1") && strings.Contains(strings.ToLower(p.title), "solde") { // nothing was paid of any; a balance
			return f, false
		}
	}
	return f, true
}

// answers tells a column of short words some of which are yes or no: oui, non, partiel.
func answers(p *profile) bool {
	told := false
	for _, c := range p.cells {
		if len(c) > 24 || readNumber(c).ok {
			return false
		}
		told = told || c != "" && (says("yes", c) || says("no", c))
	}
	return told && p.distinct <= 6 && p.date == 0
}

// inWords tells answers in words from codes of lettering: oui and non, and not A, N, X.
func inWords(p *profile) bool {
	return !slices.ContainsFunc(p.cells, func(c string) bool { return len(c) == 1 })
}

func (d *description) flagged(p *profile) bool {
	return slices.ContainsFunc(d.flags, func(f flag) bool { return f.p == p })
}

// flagRules leave out what such a column says is paid; what is neither yes nor no is held.
func (w *writer) flagRules(text func(string) string) {
	d := w.d
	for i, f := range d.flags {
		c := w.cell(f.p)
		if c == "" {
			continue
		}
		said := "lower(plain(" + c + "))"
		yes, no := vocabulary()["yes"], vocabulary()["no"]
		w.remark("  ", w.guess("propose.status", "column", w.shown(f.p), "words", strings.Join(f.p.values(8), ", ")))
		switch {
		case f.part && !f.open:
			if d.amountRole() != "amount.open" && !d.shape.paid {
				w.line("  - {id: deposit%s, when: %s, do: hold, message: %s}", nth(i), single(said+" in ["+quoted(yes)+"]"), text("propose.rule.partial"))
			}
			continue
		case f.open:
			w.line("  - {id: paid-flag%s, when: %s, do: skip, confirm: true, message: %s}", nth(i), single(said+" in ["+quoted(no)+"]"), text("propose.rule.status"))
		default:
			w.line("  - {id: paid-flag%s, when: %s, do: skip, confirm: true, message: %s}", nth(i), single(said+" in ["+quoted(yes)+"]"), text("propose.rule.status"))
		}
		w.line("  - {id: flag-other%s, when: %s, do: hold, message: %s}", nth(i), single("not ("+said+" in ["+quoted(slices.Concat(yes, no, []string{""}))+"])"), text("propose.rule.flag"))
	}
}

// nth tells rules of one kind apart: "", -2, -3.
func nth(i int) string {
	if i == 0 {
		return ""
	}
	return "-" + string(rune('1'+i%9))
}

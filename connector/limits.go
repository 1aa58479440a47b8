package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// differs names the values of two instructions that differ; e-mail and phone are named, never shown.
func (n *intake) differs(ctx context.Context, id, known int64) string {
	now, err1 := n.j.Item(ctx, id)
	old, err2 := n.j.Item(ctx, known)
	if err1 != nil || err2 != nil {
		return "?"
	}
	var list []string
	show := func(field, was, is string) {
		if was != is {
			list = append(list, n.say(message.New("NV-1403.field", "field", field, "known", was, "now", is)))
		}
	}
	show(n.word("amount"), n.money(old.Amount), n.money(now.Amount))
	show(n.word("due_on"), n.date(old.DueOn), n.date(now.DueOn))
	show(n.word("channel"), old.Channel, now.Channel)
	for _, p := range [][3]string{{"email", old.Customer.Email, now.Customer.Email}, {"phone", old.Customer.Phone, now.Customer.Phone}} {
		if p[1] != p[2] {
			list = append(list, n.say(message.New("NV-1403.hidden", "field", n.word(p[0]))))
		}
	}
	if len(list) == 0 {
		list = append(list, n.word("other"))
	}
	return strings.Join(list, ", ")
}

func (n *intake) word(field string) string { return n.say(message.New("ui.field." + field)) }
func (n *intake) money(a payment.Amount) string {
	if a.IsZero() {
		return ""
	}
	mark := byte('.')
	if n.flow.Mapping.Locale == "fr" {
		mark = ','
	}
	return a.Decimal(mark) + " " + a.Currency
}

func (n *intake) date(iso string) string {
	if len(iso) != 10 {
		return iso
	}
	return iso[8:] + "/" + iso[5:7] + "/" + iso[:4]
}

func (n *intake) day(us int64) string { return journal.Time(us).In(n.location).Format("02/01/2006") }

// bounded tells whether a limit of the configuration is a figure.
func bounded(limit string) bool { return limit != "" && limit != "none" }

// amountLimit is a limit of one transaction and the text that tells of it.
type amountLimit struct{ limit, text string }

// amountLimits are the flow's figures for one transaction: its own limit, and the one above which a second person decides.
func (n *intake) amountLimits() (list []amountLimit) {
	for _, l := range []amountLimit{{n.flow.Limits.Amount, "NV-1504.amount"}, {n.flow.FourEyes, "NV-1504.four_eyes"}} {
		if bounded(l.limit) {
			list = append(list, l)
		}
	}
	return list
}

// limitOf is a limit in a currency. Decimals that the currency lacks are cut off, so that it never becomes larger.
func limitOf(limit, currency string) (payment.Amount, error) {
	if n, err := payment.Exponent(currency); err == nil {
		if whole, fraction, _ := strings.Cut(limit, "."); len(fraction) > n {
			limit = strings.TrimSuffix(whole+"."+fraction[:n], ".")
		}
	}
	return payment.ParseDecimal(limit, currency)
}

// limitAmounts holds rows above the flow's limit of one transaction, and above the amount a second person must release.
func (n *intake) limitAmounts(ctx context.Context, f *journal.File) error {
	for _, l := range n.amountLimits() {
		totals, err := n.j.Totals(ctx, f.ID)
		if err != nil {
			return err
		}
		for _, t := range totals {
			limit, err := limitOf(l.limit, t.Currency)
			if err != nil {
				return fmt.Errorf("limit of flow %s: %w", f.Flow, err)
			}
			if t.Max <= limit.Minor {
				continue
			}
			if err := n.holdOver(ctx, f, l.text, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

// holdOver holds the documents of a staged file that ask for more than limit in one of their parts; each says its own amount.
func (n *intake) holdOver(ctx context.Context, f *journal.File, text string, limit payment.Amount) error {
	for after := int64(0); ; {
		n.pulses.beat("intake:" + n.flow.Name)
		over, err := n.j.Over(ctx, f.ID, after, limit.Currency, limit.Minor, chunk)
		if err != nil || len(over) == 0 {
			return err
		}
		verdicts := make([]journal.Verdict, 0, len(over))
		for _, o := range over {
			if i := len(verdicts); i > 0 && verdicts[i-1].Document == o.Document {
				continue
			}
			said := n.say(message.New(text, "amount", n.money(payment.Amount{Minor: o.Minor, Currency: limit.Currency}), "limit", n.money(limit)))
			verdicts = append(verdicts, journal.Verdict{Document: o.Document, State: journal.RowHeld, Code: "NV-1504", Message: said})
		}
		if err := n.j.Do(ctx, func(tx *journal.Tx) error { return tx.Judge(f, verdicts) }); err != nil {
			return err
		}
		after = over[len(over)-1].ID
	}
}

// holdsFile tells why a whole file must wait for a person; "" when it need not.
func (n *intake) holdsFile(ctx context.Context, f *journal.File, rows int64) (code, text string, err error) {
	variant, text, err := n.holdOf(ctx, f, rows)
	code, _, _ = strings.Cut(variant, ".")
	return code, text, err
}

// holdOf tells the first hold of a file that nobody has lifted yet: code and variant, such as NV-1504.total.
func (n *intake) holdOf(ctx context.Context, f *journal.File, rows int64) (variant, text string, err error) {
	lifted := func(variant string) bool { return slices.Contains(strings.Fields(f.Released), variant) }
	if age := n.now().UnixNano() - f.ModTime; n.flow.MaxAge > 0 && age > n.flow.MaxAge.Nanoseconds() && !lifted("NV-1006.old") {
		return "NV-1006.old", n.say(message.New("NV-1006.old", "date", n.day(f.ModTime/1000), "limit", n.flow.MaxAge.String())), nil
	}
	if l := int64(n.flow.Limits.Rows); l > 0 && rows > l && !lifted("NV-1504.rows") {
		return "NV-1504.rows", n.say(message.New("NV-1504.rows", "rows", fmt.Sprint(rows), "limit", fmt.Sprint(l))), nil
	}
	if l := n.flow.Limits.Total; l != "" && l != "none" && !lifted("NV-1504.total") {
		totals, err := n.j.Totals(ctx, f.ID)
		if err != nil {
			return "", "", err
		}
		for _, t := range totals {
			limit, err := limitOf(l, t.Currency)
			if err != nil {
				return "", "", fmt.Errorf("limit of flow %s: %w", f.Flow, err)
			}
			if t.Minor > limit.Minor {
				return "NV-1504.total", n.say(message.New("NV-1504.total", "total", n.money(payment.Amount{Minor: t.Minor, Currency: t.Currency}), "limit", n.money(limit))), nil
			}
		}
	}
	if n.flow.FirstFile == "hold" && !lifted("NV-1505.first") {
		known, err := n.j.Flow(ctx, f.Flow)
		if err != nil {
			return "", "", err
		}
		if known.Approved != n.approval() {
			key := "NV-1505.first"
			if known.Approved != "" {
				key = "NV-1505.changed"
			}
			return "NV-1505.first", n.say(message.New(key)), nil
		}
	}
	return "", "", nil
}

// approval is what a first file is released for: this mapping, this account.
func (n *intake) approval() string { return n.flow.Mapping.Hash() + "@" + n.flow.Account }

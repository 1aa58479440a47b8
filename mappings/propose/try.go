package propose

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// Trial is what a mapping makes of the sample it was proposed for.
type Trial struct {
	Rows, LeftOut, Accepted, Held, Rejected, Skipped int
	Total                                            map[string]payment.Amount // accepted, by currency
	Problems                                         []mappings.Problem        // the first of each code
	Refused                                          *mappings.FileError       // the file as a whole
	References                                       int                       // different ones among the accepted
	First                                            string                    // the first of them
}

// worth is the share of rows that are understood; 0 where nothing is.
func (t Trial) worth() float64 {
	all := t.Accepted + t.Held + t.Rejected + t.Skipped
	if all == 0 || t.Refused != nil {
		return 0
	}
	return float64(t.Accepted+t.Held+t.Skipped) / float64(all)
}

// tryDocuments is how many documents of a sample are tried.
const tryDocuments = 20_000

// load compiles a mapping as the product does.
func (s *sample) load(yaml []byte) (*mappings.Mapping, error) {
	return mappings.Load(s.opt.Name+".yaml", yaml, mappings.Options{Formats: s.opt.Formats, Use: s.opt.Preset})
}

// try reads the sample by a mapping.
func (s *sample) try(m *mappings.Mapping) (t Trial) {
	t.Total = map[string]payment.Amount{}
	r, err := m.Open(s.src, mappings.Env{File: s.src.Name, Today: "2026-01-01"})
	if err != nil {
		t.refuse(err)
		return t
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	said, known := map[string]bool{}, map[string]bool{}
	n := 0
	for doc, err := range r.Documents(ctx) {
		if err != nil {
			t.refuse(err)
			break
		}
		if n++; n > tryDocuments {
			break
		}
		switch {
		case doc.State == mappings.Rejected:
			t.Rejected++
		case doc.State == mappings.Skipped:
			t.Skipped++
		case doc.Hold != nil:
			t.Held++
		default:
			t.Accepted++
			for _, in := range doc.Instructions {
				known[in.Reference+in.TransactionID] = true
				if t.First == "" {
					t.First = in.Reference + in.TransactionID
				}
				if !in.Amount.IsZero() {
					if sum, err := add(t.Total[in.Amount.Currency], in.Amount); err == nil {
						t.Total[in.Amount.Currency] = sum
					}
				}
			}
		}
		if doc.State == mappings.Rejected {
			for _, p := range doc.Problems {
				if !said[p.Code+p.Column] && len(t.Problems) < 8 {
					said[p.Code+p.Column] = true
					t.Problems = append(t.Problems, p)
				}
			}
		}
	}
	t.Rows, t.LeftOut, t.References = r.Rows(), r.LeftOut(), len(known)
	return t
}

func (t *Trial) refuse(err error) {
	if !errors.As(err, &t.Refused) {
		t.Refused = mappings.Refuse(0, "NV-1004.nul", "line", "0")
	}
}

func add(a, b payment.Amount) (payment.Amount, error) {
	if a.IsZero() && a.Currency == "" {
		return b, nil
	}
	return a.Add(b)
}

// Currencies lists those of the accepted rows, sorted.
func (t Trial) Currencies() []string { return slices.Sorted(maps.Keys(t.Total)) }

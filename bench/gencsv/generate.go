package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// options say what to write; each of the "every so many rows" is off at 0.
type options struct {
	rows             int
	utf8             bool
	dup, bad, quoted int
	prefix           string
}

const titles = "Code société;N° facture;Référence commande;Date facture;Date échéance;Code client;Raison sociale;" +
	"Civilité;Nom;Prénom;E-mail;Téléphone;Adresse;Code postal;Ville;Pays;Montant TTC;Devise;Libellé;Mode de règlement"

// words are the texts that rows draw from.
type words struct{ firms, courtesy, names, first, cities, labels, methods []string }

func vocabulary() words {
	return words{
		firms:    []string{"Établissements Lefèvre", "Société Générale de Tôlerie", "Boulangerie Noël & Fils", "SARL Açores Négoce", "Garage du Château", "Crêperie L'Étoile"},
		courtesy: []string{"M.", "Mme"},
		names:    []string{"Müller", "Lefebvre", "Bézier", "Garçon", "Pérez", "Dupré", "Nguyen", "Bœuf"},
		first:    []string{"Zoé", "Éloïse", "François", "Hélène", "Jean-Noël", "Aïcha", "Marc", "Léa"},
		cities:   []string{"Saint-Étienne", "Besançon", "Nîmes", "Orléans", "Paris", "Évreux", "Mâcon"},
		labels:   []string{"Entretien annuel", "Fourniture d'équipement", "Acompte 30 %", "Solde à réception", "Abonnement « Pro »"},
		methods:  []string{"CB", "SEPA", "VIR"},
	}
}

// generate writes titles and rows to w: the same options give the same bytes, for ever.
func generate(w io.Writer, o options) error {
	out := bufio.NewWriterSize(w, 1<<20)
	enc := charmap.Windows1252.NewEncoder()
	put := func(s string) error {
		if !o.utf8 {
			t, err := enc.String(s)
			if err != nil {
				return fmt.Errorf("%q in Windows-1252: %w", s, err)
			}
			s = t
		}
		_, err := out.WriteString(s + "\r\n")
		return err
	}
	if err := put(titles); err != nil {
		return err
	}
	draw, voc := rand.New(rand.NewPCG(1, 2)), vocabulary()
	for i := 1; i <= o.rows; i++ {
		if err := put(row(draw, voc, o, i)); err != nil {
			return err
		}
	}
	return out.Flush()
}

// row makes the i-th row; how often and in which order it draws is part of the format.
func row(draw *rand.Rand, voc words, o options, i int) string {
	pick := func(of []string) string { return of[draw.IntN(len(of))] }
	every := func(n int) bool { return n > 0 && i%n == 0 }
	number := i
	if every(o.dup) {
		number--
	}
	amount := money(100 + draw.IntN(5000000))
	if every(o.bad) {
		amount = "n/a"
	}
	label := pick(voc.labels)
	if every(o.quoted) {
		label = fmt.Sprintf(`"%s ; réf. ""%d"""`, label, i)
	}
	day, month := 1+draw.IntN(28), 1+draw.IntN(12)
	name, first := pick(voc.names), pick(voc.first)
	return strings.Join([]string{
		"01",
		fmt.Sprintf("%s-%08d", o.prefix, number),
		fmt.Sprintf("CMD%07d", i),
		fmt.Sprintf("%02d/%02d/2026", day, month),
		fmt.Sprintf("%02d/%02d/2026", day, month%12+1),
		fmt.Sprintf("C%06d", draw.IntN(200000)),
		pick(voc.firms), pick(voc.courtesy), name, first,
		fmt.Sprintf("client%06d@exemple.fr", draw.IntN(200000)),
		fmt.Sprintf("06%08d", draw.IntN(100000000)),
		fmt.Sprintf("%d rue de la République", 1+draw.IntN(200)),
		fmt.Sprintf("%05d", 1000+draw.IntN(94000)),
		pick(voc.cities), "FR", amount, "EUR", label, pick(voc.methods),
	}, ";")
}

// money shows cents as Excel does: some of the larger amounts carry the blank between thousands.
func money(cents int) string {
	if cents >= 100000 && cents%3 == 0 {
		return fmt.Sprintf("%d %03d,%02d", cents/100000, cents/100%1000, cents%100)
	}
	return fmt.Sprintf("%d,%02d", cents/100, cents%100)
}

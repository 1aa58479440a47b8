package journal

import "strings"

// bulk inserts many rows with few statements; args holds them row after row.
func (tx *Tx) bulk(insert string, width int, args []any) error {
	return tx.sized(width, args, nil, func(tuples string) string { return insert + tuples })
}

// insert is bulk for rows whose columns but the first own mostly hold the same: see packed.
func (tx *Tx) insert(table string, names []string, own int, args []any) error {
	all, first, last := strings.Join(names, ", "), strings.Join(names[:own], ", "), strings.Join(names[own:], ", ")
	return tx.packed(len(names), own, args, func(tuples string) string {
		return "WITH v (" + first + ") AS (VALUES " + tuples + "), s (" + last + ") AS (VALUES (" + marks(len(names)-own) + ")) INSERT INTO " + table + " (" + all + ") SELECT " + all + " FROM s CROSS JOIN v"
	})
}

// packed writes many rows whose columns but the first own mostly hold the same: those are bound once, behind the others.
// Binding a value costs as much as storing it. Rows that differ from the first are written by themselves.
func (tx *Tx) packed(width, own int, args []any, statement func(tuples string) string) error {
	alike := tx.pad(padAlike, len(args))
	for len(args) > 0 {
		shared, rest := args[own:width], args[:0:0]
		alike = alike[:0]
		for i := 0; i < len(args); i += width {
			if row := args[i : i+width]; i == 0 || same(row[own:], shared) {
				alike = append(alike, row[:own]...)
			} else {
				rest = append(rest, row...)
			}
		}
		if err := tx.sized(own, alike, shared, statement); err != nil {
			return err
		}
		args = rest
	}
	return nil
}

// same tells whether two rows hold the same, of what can be told.
func same(a, b []any) bool {
	for i := range a {
		_, bytes := a[i].([]byte)
		if _, too := b[i].([]byte); bytes || too || a[i] != b[i] {
			return false
		}
	}
	return true
}

// sized runs a statement over many rows: few different numbers of them at a time, so that the statements stay prepared.
// last is bound behind them each time.
func (tx *Tx) sized(width int, args, last []any, statement func(tuples string) string) error {
	tuple := "(" + marks(width) + ")"
	bound := tx.pad(padBound, min(len(args), 64*width)+len(last))
	for len(args) > 0 {
		n := len(args) / width
		for _, size := range [...]int{64, 16, 4, 1} {
			if n >= size {
				n = size
				break
			}
		}
		bound = append(append(bound[:0], args[:n*width]...), last...)
		if _, err := tx.exec(statement(strings.Repeat(tuple+",", n-1)+tuple), bound...); err != nil {
			return err
		}
		args = args[n*width:]
	}
	return nil
}

// marks are n parameters.
func marks(n int) string { return strings.Repeat("?,", n-1) + "?" }

// Arguments are laid out on pads that the writer keeps: each has its use, so that none is needed twice at a time.
const (
	padRows = iota // of rows, of updates
	padPersonal
	padInstructions // and of events
	padAlike
	padBound
)

// pad has room for n arguments, until the same pad is asked for again.
func (tx *Tx) pad(which, n int) []any {
	if cap(tx.pads[which]) < n {
		tx.pads[which] = make([]any, 0, n)
	}
	return tx.pads[which][:0]
}

// maxRoom is how many bytes of room for texts are kept from one write to the next.
const maxRoom = 256 << 10

// wipe lets go of what the pads show: a cell may be long, and personal.
func (tx *Tx) wipe() {
	for i := range tx.pads {
		clear(tx.pads[i][:cap(tx.pads[i])])
	}
	clear(tx.events[:cap(tx.events)])
	clear(tx.room[:cap(tx.room)])
	if cap(tx.room) > maxRoom {
		tx.room = nil
	}
}

// choice is some numbers, and the condition that a column is one of them.
type choice struct {
	list []int64
	in   string
	args []any
}

// chosen cuts a list into choices of few different forms, so that the statements for them stay prepared: what follows one
// another without a gap, as most that is sent does, is a stretch of the table, which costs less than a look for each.
func chosen(list []int64) (parts []choice) {
	var others []int64
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n] == list[n-1]+1 {
			n++
		}
		if n >= 8 {
			parts = append(parts, choice{list[:n], "BETWEEN ? AND ?", []any{list[0], list[n-1]}})
		} else {
			others = append(others, list[:n]...)
		}
		list = list[n:]
	}
	for _, part := range parted(others) {
		parts = append(parts, choice{part, "IN (?" + strings.Repeat(",?", len(part)-1) + ")", anys(part)})
	}
	return parts
}

// parted cuts a list into few different lengths, so that the statements for them stay prepared.
func parted(list []int64) (parts [][]int64) {
	for len(list) > 0 {
		n := 1
		for _, size := range [...]int{64, 16, 4} {
			if len(list) >= size {
				n = size
				break
			}
		}
		parts = append(parts, list[:n])
		list = list[n:]
	}
	return parts
}

func anys(list []int64) []any {
	args := make([]any, len(list))
	for i, id := range list {
		args[i] = id
	}
	return args
}

package mappings

import "fmt"

// KeptFields are a document's kept fields (Document.Fields) for a person to read: by name texts, decimal texts, true or
// false, lists, nil where nothing was given; under "row" the cells of one of its lines, by title.
func KeptFields(fields []byte, line int) (map[string]any, error) {
	out, cells, at := map[string]any{}, map[string]any{}, 0
	if len(fields) == 0 {
		return out, nil
	}
	r := &keptReader{b: fields}
	if v := r.kind(); v != keptVersion {
		return out, fmt.Errorf("%w: version %d", ErrFields, v)
	}
	for len(r.b) > 0 && !r.bad {
		switch kind := r.kind(); kind {
		case keptLine:
			at = r.uvarint0()
		case keptCell:
			if title, text := r.text(), r.text(); at == line {
				cells[title] = text
			}
		case keptMark: // where a cell of a workbook is at fault, for the rejects
			r.uvarint0()
			r.uvarint0()
			r.text()
		default:
			if name, v := r.entry(kind); !r.bad {
				out[name] = readable(v)
			}
		}
	}
	if r.bad {
		return out, fmt.Errorf("%w", ErrFields)
	}
	if len(cells) > 0 {
		out["row"] = cells
	}
	return out, nil
}

func readable(v any) any {
	switch v := v.(type) {
	case *num:
		return v.text()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = readable(v[i])
		}
		return list
	}
	return v
}

package message

import (
	_ "embed"
	"errors"

	"github.com/tidwall/gjson"
)

// The files texts/*.yaml are what people write; reading them takes longer than most commands do, so texts.json holds the
// same ready to use: for each file, its top keys.

//go:generate go test -run TestReady -update .
//go:embed texts.json
var ready string

// prepared makes the catalogue of texts.json, whose texts it shares.
func prepared(json string) (*catalogue, error) {
	c := &catalogue{map[string]*entry{}, make(map[string]pair, 2048)}
	var errs []error
	gjson.Get(json, "files").ForEach(func(_, file gjson.Result) bool {
		file.ForEach(func(key, v gjson.Result) bool {
			errs = append(errs, c.add(key.Str, entryOf(v)))
			return true
		})
		return true
	})
	return c, errors.Join(errs...)
}

func entryOf(v gjson.Result) (e entry) {
	v.ForEach(func(name, v gjson.Result) bool {
		switch name.Str {
		case "title":
			e.Title = pairOf(v)
		case "explain":
			e.Explain = pairOf(v)
		case "texts":
			e.Texts = map[string]pair{}
			v.ForEach(func(name, v gjson.Result) bool {
				e.Texts[name.Str] = pairOf(v)
				return true
			})
		case "fr":
			e.FR = v.Str
		case "en":
			e.EN = v.Str
		}
		return true
	})
	return e
}

func pairOf(v gjson.Result) (p pair) {
	v.ForEach(func(lang, v gjson.Result) bool {
		switch lang.Str {
		case "fr":
			p.FR = v.Str
		case "en":
			p.EN = v.Str
		}
		return true
	})
	return p
}

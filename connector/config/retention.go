package config

import "time"

// Retention says how long what is finished is kept; `navette purge` removes what is older. Zero: for ever.
type Retention struct {
	Personal time.Duration // source cells, customers, labels of rows
	Files    time.Duration // the bytes of files received and of returns
	Journal  time.Duration // accounts: told when it is over, never removed
}

// retention reads the classes. The defaults are 15 months and 10 years, in days.
func (b *builder) retention(root *object) (r Retention) {
	o := root.object("retention")
	if o == nil {
		o = &object{b: b, name: root.key("retention"), at: root.at}
	}
	defer o.finish()
	w := want{wantDuration().fr + ", ou none", wantDuration().en + ", or none"}
	class := func(key, def string) time.Duration {
		return parsed(o, key, def, w, func(s string) (time.Duration, bool) {
			if s == "none" {
				return 0, true
			}
			d, ok := parseDuration(s)
			return d, ok && d > 0
		})
	}
	return Retention{class("personal", "456d"), class("files", "456d"), class("journal", "3653d")}
}

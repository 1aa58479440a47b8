package main

import (
	"fmt"
	"io"
	"slices"
)

// report prints the lines and counts those that are short.
type report struct {
	w     io.Writer
	short int
}

// judge prints one line; goal "" means that the figure is only told.
func (r *report) judge(name, figure, goal string, ok bool) {
	verdict := "ok"
	if goal == "" {
		goal, ok = "none", true
	}
	if !ok {
		verdict = "short"
		r.short++
	}
	fmt.Fprintf(r.w, "%s: %s (goal %s) %s\n", name, figure, goal, verdict)
}

func (r *report) tell(name, figure string) { r.judge(name, figure, "", true) }

func (r *report) skip(name, why string) { fmt.Fprintf(r.w, "%s: skipped: %s\n", name, why) }

// atLeast and atMost judge a ratio that is shown with what it was made of.
func (r *report) atLeast(name string, ratio, goal float64, made string) {
	r.judge(name, fmt.Sprintf("%.2f (%s)", ratio, made), fmt.Sprintf(">= %g", goal), ratio >= goal)
}

func (r *report) atMost(name string, ratio, goal float64, made string) {
	r.judge(name, fmt.Sprintf("%.2f (%s)", ratio, made), fmt.Sprintf("<= %g", goal), ratio <= goal)
}

// median of at least one figure; the mean of the two in the middle when their number is even.
func median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m]
	}
	return (s[m-1] + s[m]) / 2
}

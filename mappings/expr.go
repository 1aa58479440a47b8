package mappings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// Expressions are compiled twice. First with the types that people think in (texts, numbers, lists), only to find
// mistakes; then for running, where every number is an exact decimal, every name may be nil, and operators and
// functions are this package's own, which know both.

// nominal is the type of a name as people think of it.
type nominal int

const (
	anyType nominal = iota
	textType
	numberType
	boolType
	textList
	numberList
)

func (n nominal) exprType() types.Type {
	switch n {
	case textType:
		return types.String
	case numberType:
		return types.Float64
	case boolType:
		return types.Bool
	case textList:
		return types.Array(types.String)
	case numberList:
		return types.Array(types.Float64)
	}
	return types.Any
}

// scopeSpec lists the names that expressions of one place may use.
type scopeSpec struct {
	names    map[string]nominal
	later    map[string]string   // names that exist, but not here: why, a key of the catalogue
	titles   bool                // row["…"]
	timeless bool                // today() is not to be had: what is written must not depend on the day
	words    map[string][]string // names of closed sets, for tables that lack a word
}

// program is a compiled expression.
type program struct {
	at     pos
	source string
	vm     *vm.Program
	names  []string // used names, fields and others; titles as row["…"]
	titles []string // used titles
	result nominal
	lone   bool // nothing but row["…"]: an echo of the source
	hush   bool // it names what is sensitive: its faults do not tell the value
}

// uses tells whether the expression names something that begins with prefix.
func (p *program) uses(prefix string) bool {
	return slices.ContainsFunc(p.names, func(n string) bool { return strings.HasPrefix(n, prefix) })
}

// scope is where expressions run: the values of names, and the machine. It belongs to one goroutine.
type scope struct {
	env map[string]any
	vm  vm.VM
}

func newScope() *scope { return &scope{env: map[string]any{}} }

// run evaluates an expression; nil for an absent value.
func (s *scope) run(p *program) (any, error) {
	v, err := s.vm.Run(p.vm, s.env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.source, p.plainError(err))
	}
	return v, nil
}

// holds evaluates a condition; anything but true does not hold.
func (s *scope) holds(p *program) (bool, error) {
	v, err := s.run(p)
	b, _ := v.(bool)
	return b, err
}

// plainError keeps the sentence of an expression's error and drops the excerpt under it.
func (p *program) plainError(err error) error {
	var ft *exprFault
	if errors.As(err, &ft) {
		if p.hush {
			return &exprFault{fault{ft.key, []string{"value", hidden, "currency", hidden, "other", hidden}}}
		}
		return ft
	}
	var fe *file.Error
	if errors.As(err, &fe) {
		if p.hush {
			return errors.New(hidden)
		}
		return errors.New(fe.Message)
	}
	return err
}

// detail is an expression's error in a language: the expression, then what went wrong.
func detail(err error, lang string) string {
	var ft *exprFault
	if !errors.As(err, &ft) {
		return err.Error()
	}
	return strings.TrimSuffix(err.Error(), ft.Error()) + ft.in(lang)
}

// titleName is the name that row["title"] has in the environment.
func titleName(title string) string { return "row[" + title + "]" }

// exprCompiler compiles the expressions of a mapping.
type exprCompiler struct {
	p        *problems
	warnings *problems
	tables   map[string]*lookupTable
}

// compile turns a scalar of the mapping into a program; nil after a mistake, which is reported. want is what the
// expression must give, anyType for any.
func (c exprCompiler) compile(n *node, spec *scopeSpec, want nominal) *program {
	if n == nil {
		return nil
	}
	if n.kind != scalarNode || strings.TrimSpace(n.text) == "" {
		c.p.add(n.pos, "NV-4021.empty")
		return nil
	}
	out := &program{at: n.pos, source: n.text}
	parse := func() *parser.Tree {
		tree, err := parser.ParseWithConfig(n.text, exprConfig(nil, nil))
		if err != nil {
			c.fail(n, err)
			return nil
		}
		return tree
	}
	tree := parse()
	if tree == nil {
		return nil
	}
	before := len(*c.p)
	r := &rewriter{c: c, n: n, spec: spec, out: out}
	tree.Node = r.names(tree.Node, nil)
	if len(*c.p) > before {
		return nil
	}
	typed := types.Map{}
	for _, name := range out.names {
		typed[name] = spec.names[name].exprType()
	}
	for _, t := range out.titles {
		typed[titleName(t)] = types.String
	}
	_, err := new(checker.Checker).PatchAndCheck(tree, exprConfig(typed, typedFunctions()))
	if err != nil {
		c.fail(n, err)
		return nil
	}
	out.result = resultOf(tree.Node)
	if want != anyType && out.result != anyType && out.result != want {
		fr, en := nominalWords(want)
		gotFR, gotEN := nominalWords(out.result)
		c.p.add(n.pos, "NV-4021.result", "expected.fr", fr, "expected.en", en, "found.fr", gotFR, "found.en", gotEN)
		return nil
	}

	running := parse()
	quiet := &rewriter{c: exprCompiler{&problems{}, &problems{}, c.tables}, n: n, spec: spec, out: &program{}}
	running.Node = quiet.names(running.Node, nil)
	running.Node = r.operators(running.Node)
	dynamic := types.Map{}
	for name := range typed {
		dynamic[name] = types.Any
	}
	dynamic[todayName] = types.Any
	config := exprConfig(dynamic, runningFunctions())
	if _, err = new(checker.Checker).PatchAndCheck(running, config); err == nil {
		out.vm, err = compiler.Compile(running, config)
	}
	if err != nil {
		c.fail(n, err)
		return nil
	}
	return out
}

// fail reports an error of the expression language at its place in the YAML.
func (c exprCompiler) fail(n *node, err error) {
	at, message := n.pos, err.Error()
	var fe *file.Error
	if errors.As(err, &fe) {
		message = fe.Message
		at = n.inside(fe.Line, fe.Column)
	}
	if i := strings.IndexByte(message, '\n'); i >= 0 {
		message = message[:i]
	}
	c.p.add(at, "NV-4021.wrong", "detail", strings.ReplaceAll(message, "()", ""))
}

// inside is the place of a character of a scalar, as far as it can be told.
func (n *node) inside(line, column int) pos {
	at := n.pos
	if line > 1 {
		return at
	}
	if n.quoted {
		at.col++
	}
	at.col += column
	return at
}

func nominalWords(n nominal) (fr, en string) {
	switch n {
	case textType:
		return "un texte", "a text"
	case numberType:
		return "un nombre", "a number"
	case boolType:
		return "vrai ou faux", "true or false"
	case textList, numberList:
		return "une liste", "a list"
	}
	return "une valeur", "a value"
}

func resultOf(n ast.Node) nominal {
	t := n.Nature()
	switch {
	case t.IsString():
		return textType
	case t.IsNumber():
		return numberType
	case t.IsBool():
		return boolType
	case t.IsArray():
		return textList
	}
	return anyType
}

// exprConfig makes the expression language's settings. Functions go under names that no field can have, so that a
// field may be called like a function (`amount`, `date`).
func exprConfig(env types.Map, functions map[string]*builtin.Function) *conf.Config {
	config := conf.CreateNew()
	for _, name := range [...]string{"now", "date", "duration", "timezone", "round", "toJSON", "fromJSON"} { // the clock, floats
		config.Disabled[name] = true
		delete(config.Builtins, name)
	}
	config.Functions = functions
	if env != nil {
		config.WithEnv(env)
	}
	config.MaxNodes = 1000
	return config
}

// rewriter resolves names, and then puts this package's operators in the place of the language's.
type rewriter struct {
	c    exprCompiler
	n    *node
	spec *scopeSpec
	out  *program
}

// chain gives the dotted name that a node spells, "" for none.
func chain(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.ChainNode:
		return chain(n.Node)
	case *ast.MemberNode:
		if p, ok := n.Property.(*ast.StringNode); ok && !n.Method {
			if base := chain(n.Node); base != "" && base != "row" {
				return base + "." + p.Value
			}
		}
	}
	return ""
}

// start is where the text of a node begins.
func start(n ast.Node) int {
	switch m := n.(type) {
	case *ast.MemberNode:
		return start(m.Node)
	case *ast.ChainNode:
		return start(m.Node)
	}
	return n.Location().From
}

// names resolves every name of an expression; locals are the variables declared around it.
func (r *rewriter) names(n ast.Node, locals []string) ast.Node {
	if name := chain(n); name != "" && !slices.Contains(locals, strings.SplitN(name, ".", 2)[0]) {
		return r.name(n, name)
	}
	each := func(list []ast.Node) {
		for i := range list {
			list[i] = r.names(list[i], locals)
		}
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		n.Node = r.names(n.Node, locals)
	case *ast.BinaryNode:
		n.Left, n.Right = r.names(n.Left, locals), r.names(n.Right, locals)
	case *ast.ChainNode:
		n.Node = r.names(n.Node, locals)
	case *ast.MemberNode:
		if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "row" && !slices.Contains(locals, "row") {
			return r.title(n)
		}
		n.Node, n.Property = r.names(n.Node, locals), r.names(n.Property, locals)
		r.table(n)
	case *ast.SliceNode:
		n.Node = r.names(n.Node, locals)
		if n.From != nil {
			n.From = r.names(n.From, locals)
		}
		if n.To != nil {
			n.To = r.names(n.To, locals)
		}
	case *ast.CallNode:
		r.call(n)
		each(n.Arguments)
	case *ast.BuiltinNode:
		each(n.Arguments)
	case *ast.PredicateNode:
		n.Node = r.names(n.Node, locals)
	case *ast.VariableDeclaratorNode:
		n.Value = r.names(n.Value, locals)
		n.Expr = r.names(n.Expr, append(slices.Clone(locals), n.Name))
	case *ast.SequenceNode:
		each(n.Nodes)
	case *ast.ConditionalNode:
		n.Cond, n.Exp1, n.Exp2 = r.names(n.Cond, locals), r.names(n.Exp1, locals), r.names(n.Exp2, locals)
	case *ast.ArrayNode:
		each(n.Nodes)
	case *ast.MapNode:
		each(n.Pairs)
	case *ast.PairNode:
		n.Key, n.Value = r.names(n.Key, locals), r.names(n.Value, locals)
	}
	return n
}

// name resolves one name.
func (r *rewriter) name(n ast.Node, name string) ast.Node {
	at := r.n.inside(1, start(n))
	if _, ok := r.spec.names[name]; !ok {
		if key, ok := r.spec.later[name]; ok {
			r.c.p.add(at, key, "name", name)
			return n
		}
		known := make([]string, 0, len(r.spec.names))
		for k := range r.spec.names {
			known = append(known, k)
		}
		slices.Sort(known)
		if name == "row" {
			known = nil
		}
		if near := nearest(name, known); near != "" {
			r.c.p.add(at, "NV-4021.nearest", "name", name, "nearest", near)
		} else {
			r.c.p.add(at, "NV-4021.unknown", "name", name)
		}
		return n
	}
	if !slices.Contains(r.out.names, name) {
		r.out.names = append(r.out.names, name)
	}
	id := &ast.IdentifierNode{Value: name}
	id.SetLocation(n.Location())
	return id
}

// title resolves row["…"].
func (r *rewriter) title(n *ast.MemberNode) ast.Node {
	at := r.n.inside(1, start(n))
	p, ok := n.Property.(*ast.StringNode)
	switch {
	case !r.spec.titles:
		r.c.p.add(at, "NV-4021.unknown", "name", "row")
		return n
	case !ok:
		r.c.p.add(at, "NV-4021.title")
		return n
	}
	if !slices.Contains(r.out.titles, p.Value) {
		r.out.titles = append(r.out.titles, p.Value)
	}
	id := &ast.IdentifierNode{Value: titleName(p.Value)}
	id.SetLocation(n.Location())
	r.out.lone = chainless(r.n.text)
	return id
}

// chainless tells whether a source is row["…"] and nothing else.
func chainless(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "row[") && strings.HasSuffix(s, "]") && strings.Count(s, "[") == 1
}

// call gives a function its own kind of name.
func (r *rewriter) call(n *ast.CallNode) {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		r.c.p.add(r.n.inside(1, n.Location().From), "NV-4021.call")
		return
	}
	if strings.HasSuffix(id.Value, "()") {
		return
	}
	at := r.n.inside(1, id.Location().From)
	functions := typedFunctions()
	if _, known := functions[id.Value+"()"]; !known || id.Value == "today" && r.spec.timeless {
		var names []string
		for f := range functions {
			names = append(names, strings.TrimSuffix(f, "()"))
		}
		names = append(names, builtin.Names...)
		slices.Sort(names)
		if near := nearest(id.Value, names); near != "" && near != id.Value {
			r.c.p.add(at, "NV-4021.nearest", "name", id.Value, "nearest", near)
		} else {
			r.c.p.add(at, "NV-4021.unknown", "name", id.Value)
		}
		return
	}
	if (id.Value == "day" || id.Value == "amount") && len(n.Arguments) == 2 { // say at once what is wrong with a constant
		if s, ok := n.Arguments[1].(*ast.StringNode); ok && id.Value == "day" {
			if f, err := parseDatePattern(s.Value); err != nil || f.readOnly {
				r.c.p.add(r.n.inside(1, s.Location().From), "NV-4004.value", "key", "day", "value", s.Value, "expected", "%d/%m/%Y, DD/MM/YYYY…")
			}
		}
	}
	if id.Value == "lookup" {
		r.lookupCall(n)
	}
	id.Value += "()"
}

// table warns of words that a table of words lacks; they are written as they are.
func (r *rewriter) table(n *ast.MemberNode) {
	id, ok := n.Property.(*ast.IdentifierNode)
	m, isMap := n.Node.(*ast.MapNode)
	if !ok || !isMap || r.spec.words[id.Value] == nil {
		return
	}
	has := map[string]bool{}
	for _, p := range m.Pairs {
		if k, ok := p.(*ast.PairNode).Key.(*ast.StringNode); ok {
			has[k.Value] = true
		}
	}
	var missing []string
	for _, w := range r.spec.words[id.Value] {
		if !has[w] {
			missing = append(missing, w)
		}
	}
	if missing != nil {
		r.c.warnings.add(r.n.inside(1, n.Location().From), "NV-4022.words", "name", id.Value, "words", strings.Join(missing, ", "))
	}
}

package mappings

import (
	"strconv"

	"github.com/expr-lang/expr/ast"
	"github.com/shopspring/decimal"
)

// operators replaces what the language does with numbers and absent values by this package's functions.
func (r *rewriter) operators(n ast.Node) ast.Node {
	each := func(list []ast.Node) {
		for i := range list {
			list[i] = r.operators(list[i])
		}
	}
	switch n := n.(type) {
	case *ast.FloatNode:
		if d, err := decimal.NewFromString(strconv.FormatFloat(n.Value, 'f', -1, 64)); err == nil {
			return constant(n, &num{d: d})
		}
	case *ast.UnaryNode:
		n.Node = r.operators(n.Node)
		if i, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
			return constant(n, -i.Value)
		}
		if n.Operator == "-" {
			return callOf(n, "neg", n.Node)
		}
		if n.Operator == "!" || n.Operator == "not" {
			n.Node = callOf(n, "truth", n.Node)
		}
	case *ast.BinaryNode:
		n.Left, n.Right = r.operators(n.Left), r.operators(n.Right)
		return r.binary(n)
	case *ast.ChainNode:
		n.Node = r.operators(n.Node)
	case *ast.MemberNode:
		n.Node, n.Property = r.operators(n.Node), r.operators(n.Property)
		return r.member(n)
	case *ast.SliceNode:
		n.Node = r.operators(n.Node)
	case *ast.CallNode:
		each(n.Arguments)
		return r.callOperator(n)
	case *ast.BuiltinNode:
		each(n.Arguments)
		return r.builtin(n)
	case *ast.PredicateNode:
		n.Node = r.operators(n.Node)
	case *ast.VariableDeclaratorNode:
		n.Value, n.Expr = r.operators(n.Value), r.operators(n.Expr)
	case *ast.SequenceNode:
		each(n.Nodes)
	case *ast.ConditionalNode:
		n.Cond, n.Exp1, n.Exp2 = callOf(n.Cond, "truth", r.operators(n.Cond)), r.operators(n.Exp1), r.operators(n.Exp2)
	case *ast.ArrayNode:
		each(n.Nodes)
		return constantArray(n)
	case *ast.MapNode:
		each(n.Pairs)
	case *ast.PairNode:
		n.Value = r.operators(n.Value)
	}
	return n
}

func (r *rewriter) binary(n *ast.BinaryNode) ast.Node {
	switch op := n.Operator; op {
	case "+", "-", "*", "/", "%", "**", "^", "<", "<=", ">", ">=", "==", "!=", "in":
		return callOf(n, op, n.Left, n.Right)
	case "matches", "contains", "startsWith", "endsWith":
		n.Left = orEmpty(n.Left)
		if _, ok := n.Right.(*ast.StringNode); !ok {
			n.Right = orEmpty(n.Right)
		}
	case "and", "&&", "or", "||":
		n.Left, n.Right = callOf(n.Left, "truth", n.Left), callOf(n.Right, "truth", n.Right)
	}
	return n
}

// member looks a word up in a constant table without building the table for each row.
func (r *rewriter) member(n *ast.MemberNode) ast.Node {
	m, ok := n.Node.(*ast.MapNode)
	if !ok {
		return n
	}
	t := &wordTable{words: map[string]any{}}
	for _, p := range m.Pairs {
		pair := p.(*ast.PairNode)
		k, ok := pair.Key.(*ast.StringNode)
		v, constant := constantOf(pair.Value)
		if !ok || !constant {
			return n
		}
		t.words[k.Value] = v
	}
	if id, ok := n.Property.(*ast.IdentifierNode); ok && r.spec.words[id.Value] != nil {
		t.pass = true
	}
	return callOf(n, "table", constant(n, t), n.Property)
}

// wordTable is {"paid": "PAYEE", …}[word].
type wordTable struct {
	words map[string]any
	pass  bool // a word that is not in it is written as it is
}

func (r *rewriter) callOperator(n *ast.CallNode) ast.Node {
	id := n.Callee.(*ast.IdentifierNode)
	switch {
	case id.Value == "today()":
		return &ast.IdentifierNode{Value: todayName}
	case id.Value == "lookup()" && len(n.Arguments) == 3:
		r.lookupConstants(n)
	case id.Value == "day()" && len(n.Arguments) == 2:
		if s, ok := n.Arguments[1].(*ast.StringNode); ok {
			if f, err := parseDatePattern(s.Value); err == nil {
				n.Arguments[1] = constant(s, &f)
			}
		}
	}
	return n
}

// todayName is where the environment keeps today's date.
const todayName = "today()"

// builtin gives the language's functions numbers and texts they understand.
func (r *rewriter) builtin(n *ast.BuiltinNode) ast.Node {
	switch n.Name {
	case "string", "int", "float", "abs", "ceil", "floor", "min", "max", "mean", "median", "uniq", "join", "len":
		return callOf(n, n.Name, n.Arguments...)
	case "sum":
		if len(n.Arguments) == 2 {
			return callOf(n, "sum", &ast.BuiltinNode{Name: "map", Arguments: n.Arguments})
		}
		return callOf(n, "sum", n.Arguments...)
	case "upper", "lower", "trim", "trimPrefix", "trimSuffix", "split", "splitAfter", "replace", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix":
		n.Arguments[0] = orEmpty(n.Arguments[0])
	case "repeat":
		n.Arguments[0] = orEmpty(n.Arguments[0])
		if len(n.Arguments) > 1 {
			n.Arguments[1] = callOf(n, "whole", n.Arguments[1])
		}
	}
	return n
}

// callOf makes a call of one of the running functions.
func callOf(at ast.Node, name string, args ...ast.Node) ast.Node {
	id := &ast.IdentifierNode{Value: name + "()"}
	id.SetLocation(at.Location())
	call := &ast.CallNode{Callee: id, Arguments: args}
	call.SetLocation(at.Location())
	return call
}

// orEmpty makes an absent text empty.
func orEmpty(n ast.Node) ast.Node {
	if _, ok := n.(*ast.StringNode); ok {
		return n
	}
	return callOf(n, "text", n)
}

func constant(at ast.Node, v any) ast.Node {
	c := &ast.ConstantNode{Value: v}
	c.SetLocation(at.Location())
	return c
}

func constantOf(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.NilNode:
		return nil, true
	case *ast.ConstantNode:
		return n.Value, true
	}
	return nil, false
}

func constantArray(n *ast.ArrayNode) ast.Node {
	list := make([]any, len(n.Nodes))
	for i, item := range n.Nodes {
		v, ok := constantOf(item)
		if !ok {
			return n
		}
		list[i] = v
	}
	return constant(n, list)
}

package sips

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/gateway"
)

// sealData is what a JSON seal is made of: the values of all fields in the order of their names, containers likewise inside
// themselves, lists in their own order; not keyVersion, sealAlgorithm and seal, which stand at the top alone. Nothing
// parts the values (Worldline's sips-sdk-php, JsonSealCalculator).
func sealData(fields map[string]any) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != "keyVersion" && name != "sealAlgorithm" && name != "seal" {
			appendValue(&b, fields[name])
		}
	}
	return b.String()
}

func appendValue(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(v)
	case json.Number:
		b.WriteString(v.String())
	case bool:
		if v {
			b.WriteString("true")
		} else {
			b.WriteString("false")
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			appendValue(b, v[name])
		}
	case []any:
		for _, each := range v {
			appendValue(b, each)
		}
	}
}

// seal is HMAC-SHA-256 in lower-case hexadecimal; the key is the secret's text itself.
func seal(data, key string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(data))
	return hex.EncodeToString(m.Sum(nil))
}

// plainSeal is the older SHA-256 of data and key, which forms and automatic responses carry by default.
func plainSeal(data, key string) string {
	sum := sha256.Sum256([]byte(data + key))
	return hex.EncodeToString(sum[:])
}

// openNotice checks the seal of an automatic response and reads its fields: pairs parted by |, each at its first =; the
// text null stands for nothing. The algorithm is the older one by default; HMAC is believed as well, both need the key.
func (g *Gateway) openNotice(data, given, encode string) (map[string]string, error) {
	right, got := false, []byte(strings.ToLower(given))
	for _, key := range g.keys { // the version stands in what is not believed yet: each key is tried
		right = hmac.Equal(got, []byte(plainSeal(data, key))) || right
		right = hmac.Equal(got, []byte(seal(data, key))) || right
	}
	if !right || data == "" {
		return nil, gateway.ErrForged
	}
	switch strings.ToLower(encode) { // (M)
	case "base64":
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, gateway.ErrForged
		}
		data = string(b)
	case "base64url":
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(data, "="))
		if err != nil {
			return nil, gateway.ErrForged
		}
		data = string(b)
	}
	fields := readPairs(data)
	if fields["merchantId"] != g.merchant {
		return nil, gateway.ErrForged
	}
	return fields, nil
}

func readPairs(data string) map[string]string {
	fields := map[string]string{}
	for pair := range strings.SplitSeq(data, "|") {
		name, value, ok := strings.Cut(pair, "=")
		if ok && value != "null" {
			fields[name] = value
		}
	}
	return fields
}

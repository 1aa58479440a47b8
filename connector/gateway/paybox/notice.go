package paybox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // the PSP signs so
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
)

// payboxKeys are the public keys that Paybox signs notifications with, as its published modules carry them: the older
// of 1024 bits, and that of 2048 bits of the newer PrestaShop module. Either is believed.
const payboxKeys = `-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDe+hkicNP7ROHUssGNtHwiT2Ew
HFrSk/qwrcq8v5metRtTTFPE/nmzSkRnTs3GMpi57rBdxBBJW5W9cpNyGUh0jNXc
VrOSClpD5Ri2hER/GcNrxVRP7RlWOqB1C03q4QYmwjHZ+zlM4OUhCCAtSWflB4wC
Ka1g88CjFwRw/PB9kwIDAQAB
-----END PUBLIC KEY-----
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA16QmkNXsa4XjKqhMCF9k
L4gboAXZrpX9AXJhQFtpu65SEg7Ejht+5J7vztnZQrJ6o+Gy/N31Mj0+T/937OlO
Z/xH/SR40f93LuIYPXykoAelUWVJYe4HqLvtBKskOHBmy4KGYNB1QDtyFoYt4aSo
aBzPYJrjpoLlCqKhU4mnKxVZih4ZYvBUnrCEKt86VeTLUVlXy/xwyTNieiYGM/oV
1PpCUlVfLqA7t2GQRZTrdyUwK8zEbMfFOA5acdX1exIGV8gFnj/BUFndA0SdMhfo
EDe9RFHELMEHxmSZjwqSyX81uNoIshY5YjMtJ6puCI8q7VJnB3+9W5OUll1127pt
8wIDAQAB
-----END PUBLIC KEY-----
`

// publicKeys reads RSA keys in PEM; nil gives Paybox's own.
func publicKeys(text []byte) (list []*rsa.PublicKey, err error) {
	if text == nil {
		text = []byte(payboxKeys)
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(*rsa.PublicKey)
		if err != nil || !ok || key.N.BitLen() < 1024 {
			return nil, errors.New("public_key: not an RSA public key in PEM (-----BEGIN PUBLIC KEY-----)")
		}
		list = append(list, key)
	}
	if len(list) == 0 {
		return nil, errors.New("public_key: no key in PEM (-----BEGIN PUBLIC KEY-----)")
	}
	return list, nil
}

// Hook checks a notification (IPN): its last field K is the base64 of an RSA-SHA1 signature over everything before "&K=",
// as the bytes came. Nothing of it is believed but which order to read again. gateway.ErrForged when the signature is
// missing or wrong. It carries no time, so an old one is not told from a late one; reading once more does no harm.
func (g *Gateway) Hook(_ http.Header, body []byte, _ time.Time) (noticeID, paymentID string, err error) {
	signed, sig, ok := cutSignature(string(body))
	if !ok || !g.signedBy(signed, sig) {
		return "", "", gateway.ErrForged
	}
	sum := sha256.Sum256(body)
	return "paybox-" + hex.EncodeToString(sum[:16]), orderIn(signed), nil
}

// cutSignature splits a notification at its last field, K.
func cutSignature(body string) (signed string, sig []byte, ok bool) {
	i := strings.LastIndex(body, "&K=")
	if i < 0 {
		return "", nil, false
	}
	text, err := url.PathUnescape(strings.TrimRight(body[i+len("&K="):], "\r\n")) // a plus is a plus, whether it was escaped or not
	if err != nil {
		return "", nil, false
	}
	sig, err = base64.StdEncoding.DecodeString(text)
	return body[:i], sig, err == nil && len(sig) > 0
}

func (g *Gateway) signedBy(signed string, sig []byte) bool {
	sum := sha1.Sum([]byte(signed)) // the PSP signs so
	for _, key := range g.signers {
		if rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], sig) == nil {
			return true
		}
	}
	return false
}

// orderIn gives the R of a notification where it is an order of ours; else "", which nobody knows.
func orderIn(signed string) string {
	found := noted(signed, "R")
	if _, ok := parseOrder(found); !ok {
		return ""
	}
	return found
}

// Transaction gives NUMTRANS/NUMAPPEL of a notification that Hook has checked, "" when it names none: a visit that was
// given up has no transaction.
func (g *Gateway) Transaction(body []byte) string {
	signed, _, _ := cutSignature(string(body))
	t, ok := parseTarget(noted(signed, "S") + "/" + noted(signed, "T"))
	if !ok || strings.Trim(t.trans, "0") == "" {
		return ""
	}
	return t.String()
}

// noted gives a value of a notification; "" when it is missing, unreadable or there twice.
func noted(signed, of string) string {
	found := ""
	for part := range strings.SplitSeq(signed, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name != of {
			continue
		}
		v, err := url.QueryUnescape(value)
		if err != nil || found != "" {
			return ""
		}
		found = v
	}
	return found
}

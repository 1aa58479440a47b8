package lyra

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
)

// Hook checks a notification (IPN): a form whose kr-answer is signed, over its exact text, with the REST key or with the key
// of returns. It gives an id by which a repetition is known, and the id of the payment order it speaks of, which is to be
// read again; "" when it names none: polling finds what changed. Any time is believed: an old notification leads to
// one more read and to nothing else. The kind of an error is gateway.ErrForged.
func (g *Gateway) Hook(_ http.Header, body []byte, _ time.Time) (noticeID, paymentID string, err error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", "", gateway.ErrForged
	}
	answer, algorithm := form.Get("kr-answer"), form.Get("kr-hash-algorithm")
	key := g.keys[form.Get("kr-hash-key")]
	hash, err := hex.DecodeString(form.Get("kr-hash"))
	if err != nil || len(key) == 0 || answer == "" || algorithm != "sha256_hmac" {
		return "", "", gateway.ErrForged
	}
	if !hmac.Equal(hash, sign(key, answer)) { // some servers write / as \/ on the way, and sign the text without
		if answer = strings.ReplaceAll(answer, `\/`, `/`); !hmac.Equal(hash, sign(key, answer)) {
			return "", "", gateway.ErrForged
		}
	}
	noticeID, paymentID = g.notice(answer)
	return noticeID, paymentID, nil
}

func sign(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// notice reads a signed answer: a picture of the state, not an event, without an id of its own. The same picture is the
// same notice. Where it gives the payment order's id is unverified: each place it may stand is looked at.
func (g *Gateway) notice(answer string) (noticeID, paymentID string) {
	var a struct {
		Shop           loose `json:"shopId"`
		OrderStatus    loose `json:"orderStatus"`
		PaymentOrderID loose `json:"paymentOrderId"`
		OrderDetails   struct {
			ID             loose `json:"orderId"`
			PaymentOrderID loose `json:"paymentOrderId"`
			Mode           loose `json:"mode"`
		} `json:"orderDetails"`
		PaymentOrder struct {
			ID     loose `json:"paymentOrderId"`
			Status loose `json:"paymentOrderStatus"`
		} `json:"paymentOrder"`
		Transactions []transaction `json:"transactions"`
	}
	if json.Unmarshal([]byte(answer), &a) != nil {
		sum := sha256.Sum256([]byte(answer))
		return hex.EncodeToString(sum[:16]), ""
	}
	ids := []loose{a.PaymentOrderID, a.OrderDetails.PaymentOrderID, a.PaymentOrder.ID}
	picture := []string{string(a.OrderStatus), string(a.PaymentOrder.Status), string(a.OrderDetails.ID)}
	for _, t := range a.Transactions {
		ids = append(ids, t.PaymentOrderID)
		refunded := ""
		if r := t.Details.Card.Capture.Refunded; r != nil {
			refunded = string(encode(*r))
		}
		amount := ""
		if t.Amount != nil {
			amount = string(encode(*t.Amount))
		}
		picture = append(picture, string(t.UUID), string(t.Detailed), amount, refunded)
	}
	for _, id := range ids {
		if paymentID = string(id); paymentID != "" {
			break
		}
	}
	if a.Shop != "" && string(a.Shop) != g.shop || a.OrderDetails.Mode != "" && string(a.OrderDetails.Mode) != g.mode {
		paymentID = "" // another shop's, or the other mode's
	}
	sum := sha256.Sum256(encode(append(picture, paymentID)))
	return hex.EncodeToString(sum[:16]), g.id(loose(paymentID))
}

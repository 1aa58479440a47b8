package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Kinds of refused notifications.
var (
	ErrNoHook = errors.New("no such gateway, or it takes no notifications")
	ErrForged = errors.New("the notification is forged, or too old")
)

// Hook takes a notification for a gateway: its signature is checked on the raw bytes, and nothing in it is believed but
// which payment to read again. It returns once that is durable (nil), or ErrNoHook, ErrForged, or the journal's error,
// after which the PSP must send it again.
func (c *Connector) Hook(ctx context.Context, gatewayName string, header http.Header, body []byte) error {
	for _, w := range c.e.follows {
		if w.account.Name != gatewayName {
			continue
		}
		hooker, ok := w.account.Gateway.(Hooker)
		if !ok {
			return ErrNoHook
		}
		notice, paymentID, err := hooker.Hook(header, body, w.now())
		if errors.Is(err, payment.ErrUnsupported) { // no secret, no notifications
			return ErrNoHook
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrForged, err)
		}
		if paymentID == "" { // it is genuine and names nothing that could be read: polling finds what changed
			return nil
		}
		unsure, err := w.unsure(ctx) // before Known: an answer recorded between the two is then known
		if err != nil {
			return err
		}
		known, err := w.j.Known(ctx, w.account.Account, paymentID)
		if err != nil || !known && !unsure {
			return err // another system's payment: nothing to do
		}
		n := journal.Notice{ID: notice, PaymentID: paymentID}
		if d, ok := w.account.Gateway.(Doubler); ok {
			n.TransactionID = d.Transaction(body)
		}
		if err := w.j.Do(ctx, func(tx *journal.Tx) error {
			_, err := tx.Note(w.account.Account, n)
			return err
		}); err != nil {
			return err
		}
		w.wakeOne("follow:" + w.account.Account)
		return nil
	}
	return ErrNoHook
}

package lyrasim

import "time"

// The answers, as the PSP spells them.

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (p *PSP) showOrder(o *order) map[string]any {
	m := map[string]any{"_type": "V4/PaymentOrder", "paymentOrderId": o.id, "paymentOrderStatus": o.status, "paymentURL": o.url, "amount": o.amount, "currency": o.currency,
		"orderId": text(o.orderID), "creationDate": stamp(o.created), "updateDate": stamp(o.updated), "expirationDate": stamp(o.expires), "locale": text(o.locale),
		"channelDetails": map[string]any{"channelType": o.channel, "mailDetails": map[string]any{"recipient": text(o.recipient)}, "smsDetails": map[string]any{"phoneNumber": text(o.phone)}}}
	if p.opts.Shows.OrderMetadata {
		m["metadata"] = o.metadata
	}
	if p.opts.Shows.OrderTransactions {
		list := []any{}
		for _, t := range p.history {
			if t.order == o && t.operation == "DEBIT" {
				list = append(list, p.showTransaction(t))
			}
		}
		m["transactions"] = list
	}
	return m
}

// simple is the simplified status of a transaction.
func simple(detailed string) string {
	switch detailed {
	case "AUTHORISED", "CAPTURED", "ACCEPTED":
		return "PAID"
	case "REFUSED", "CANCELLED", "EXPIRED", "ERROR", "CAPTURE_FAILED":
		return "UNPAID"
	}
	return "RUNNING"
}

func (p *PSP) showTransaction(t *transaction) map[string]any {
	validation, context := "NO", "CHARGE"
	if t.manual {
		validation = "YES"
	}
	if t.operation == "CREDIT" {
		context = "REFUND"
	}
	card := map[string]any{"effectiveBrand": t.brand, "pan": "497010XXXXXX0055", "manualValidation": validation, "expectedCaptureDate": stamp(t.expected), "paymentSource": "EC",
		"captureResponse": nil}
	if t.detailed == "CAPTURED" {
		card["captureResponse"] = map[string]any{"captureDate": stamp(t.captured), "refundAmount": t.refunded, "refundCurrency": t.currency}
	}
	m := map[string]any{"_type": "V4/PaymentTransaction", "shopId": p.opts.Shop, "uuid": t.uuid, "amount": t.amount, "currency": t.currency, "paymentMethodType": t.method,
		"status": simple(t.detailed), "detailedStatus": t.detailed, "operationType": t.operation, "creationDate": stamp(t.created),
		"errorCode": text(t.code), "errorMessage": nil, "detailedErrorCode": text(t.detail), "detailedErrorMessage": nil, "metadata": t.metadata,
		"orderDetails":       map[string]any{"_type": "V4/OrderDetails", "orderId": text(t.orderID), "orderTotalAmount": t.total, "orderCurrency": t.currency, "mode": t.mode},
		"transactionDetails": map[string]any{"creationContext": context, "parentTransactionUuid": text(t.parent), "sequenceNumber": 1, "cardDetails": card}}
	if t.code != "" {
		m["errorMessage"] = "payment refused"
	}
	if p.opts.Shows.PaymentOrderID && t.order != nil {
		m["paymentOrderId"] = t.order.id
	}
	if p.opts.Shows.Comments {
		m["comment"] = text(t.comment)
	}
	return m
}

// cycle gives the status and the cycle of a reference by its transactions.
func cycle(list []*transaction) (status, cycle string) {
	status, cycle = "UNPAID", "OPEN"
	for _, t := range list {
		if t.operation != "DEBIT" {
			continue
		}
		switch s := simple(t.detailed); {
		case s == "PAID":
			return "PAID", "CLOSED"
		case s == "RUNNING":
			status = "RUNNING"
		}
	}
	return status, cycle
}

func (p *PSP) showReference(orderID string, list []*transaction) map[string]any {
	all := make([]any, len(list))
	for i, t := range list {
		all[i] = p.showTransaction(t)
	}
	status, c := cycle(list)
	return map[string]any{"_type": "V4/OrderTransactions", "shopId": p.opts.Shop, "orderStatus": status, "orderCycle": c,
		"orderDetails": map[string]any{"_type": "V4/OrderDetails", "orderId": orderID, "mode": list[0].mode}, "transactions": all}
}

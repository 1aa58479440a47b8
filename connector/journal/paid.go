package journal

// The ids that PSPs give are as good as random. An index over all of them has another page written with nearly every
// answer: most of what a commit would write. So the index goes by era first, 4096 instructions each: those that are sent
// together are found on some forty pages. A look goes through the eras, the newest first; each costs about a microsecond.

// eras lists those that have payments, newest first. Most numbers of instructions may belong to none: a list of open
// invoices that comes again every day takes as many as it has rows, and gives them up.
const eras = `(WITH RECURSIVE era(n) AS (SELECT max(k.id >> 12) FROM instruction k WHERE k.payment_id <> '' UNION ALL
 SELECT (SELECT max(k.id >> 12) FROM instruction k WHERE k.payment_id <> '' AND k.id >> 12 < era.n) FROM era WHERE era.n IS NOT NULL) SELECT n FROM era WHERE n IS NOT NULL) AS era`

// paymentIs is the condition that the instruction called by an alias has the PSP's id of a payment: ? or a column.
func paymentIs(alias, id string) string {
	return alias + ".id IN (SELECT known.id FROM " + eras + " CROSS JOIN instruction known WHERE known.id >> 12 = era.n AND known.payment_id = " + id + " AND known.payment_id <> '')"
}

// newestOf is the number of the newest instruction that an account's PSP knows by an id, NULL where there is none; the search
// ends there. Its arguments are that id and the account.
func newestOf(of string) string {
	return `(SELECT hit FROM (SELECT (SELECT max(known.id) FROM instruction known WHERE known.id >> 12 = era.n AND known.payment_id = ? AND known.payment_id <> ''
 AND known.account = ?` + of + `) AS hit FROM ` + eras + `) AS hits WHERE hit IS NOT NULL LIMIT 1)`
}

// newestRequest is that of requests.
var newestRequest = newestOf(" AND known.kind = 'request'")

-- What is paid and perhaps unswept is looked for every half minute (spec 06 "What the operator can do").
CREATE INDEX payment_request_by_state ON payment_request (state, issued_at);

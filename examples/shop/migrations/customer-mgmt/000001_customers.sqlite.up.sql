-- Create customers table: a customer is a user who buys
CREATE TABLE customers (
    -- UUID version 7: milliseconds since 1970 in the first 48 bits, then the version, random bits, the variant, random bits
    id TEXT PRIMARY KEY NOT NULL DEFAULT (printf('%08x-%04x-7%03x-%x%03x-%012x',
        (strftime('%s', 'now') * 1000 + substr(strftime('%f', 'now'), 4)) >> 16,
        (strftime('%s', 'now') * 1000 + substr(strftime('%f', 'now'), 4)) & 65535,
        random() & 4095, 8 + (random() & 3), random() & 4095, random() & 281474976710655)),
    user_id TEXT NOT NULL UNIQUE REFERENCES identity_users(id),
    display_name VARCHAR(255) NOT NULL,
    country_code CHAR(2) REFERENCES shared_countries(code),
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Create index
CREATE INDEX idx_customers_country ON customers(country_code);

-- Create identity_users table
CREATE TABLE identity_users (
    -- UUID version 7: milliseconds since 1970 in the first 48 bits, then the version, random bits, the variant, random bits
    id TEXT PRIMARY KEY NOT NULL DEFAULT (printf('%08x-%04x-7%03x-%x%03x-%012x',
        (strftime('%s', 'now') * 1000 + substr(strftime('%f', 'now'), 4)) >> 16,
        (strftime('%s', 'now') * 1000 + substr(strftime('%f', 'now'), 4)) & 65535,
        random() & 4095, 8 + (random() & 3), random() & 4095, random() & 281474976710655)),
    email VARCHAR(255) NOT NULL UNIQUE,
    password_hash VARCHAR(255) NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    email_verified BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at TIMESTAMP NULL
);

-- Create indexes
CREATE INDEX idx_users_email ON identity_users(email);
CREATE INDEX idx_users_status ON identity_users(status);
CREATE INDEX idx_users_deleted_at ON identity_users(deleted_at);

-- Create identity_users table
CREATE TABLE identity_users (
    -- UUID version 7: milliseconds since 1970 in the first 48 bits, then the version, random bits, the variant, random bits
    id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY DEFAULT (LOWER(CONCAT(
        LPAD(HEX(FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000 / 65536)), 8, '0'), '-',
        LPAD(HEX(FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) % 65536), 4, '0'), '-7',
        LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', HEX(8 + FLOOR(RAND() * 4)),
        LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', LPAD(HEX(FLOOR(RAND() * 281474976710656)), 12, '0')))),
    email VARCHAR(255) NOT NULL UNIQUE,
    password_hash VARCHAR(255) NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    email_verified BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at TIMESTAMP NULL
) COMMENT 'User accounts for authentication';

-- Create indexes
CREATE INDEX idx_users_email ON identity_users(email);
CREATE INDEX idx_users_status ON identity_users(status);
CREATE INDEX idx_users_deleted_at ON identity_users(deleted_at);

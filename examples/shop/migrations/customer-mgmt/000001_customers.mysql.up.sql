-- Create customers table: a customer is a user who buys
CREATE TABLE customers (
    -- UUID version 7: milliseconds since 1970 in the first 48 bits, then the version, random bits, the variant, random bits
    id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY DEFAULT (LOWER(CONCAT(
        LPAD(HEX(FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000 / 65536)), 8, '0'), '-',
        LPAD(HEX(FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) % 65536), 4, '0'), '-7',
        LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', HEX(8 + FLOOR(RAND() * 4)),
        LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', LPAD(HEX(FLOOR(RAND() * 281474976710656)), 12, '0')))),
    user_id CHAR(36) CHARACTER SET ascii NOT NULL UNIQUE,
    display_name VARCHAR(255) NOT NULL,
    country_code CHAR(2),
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (user_id) REFERENCES identity_users(id),
    FOREIGN KEY (country_code) REFERENCES shared_countries(code)
) COMMENT 'Customers of the shop';

-- Create index
CREATE INDEX idx_customers_country ON customers(country_code);

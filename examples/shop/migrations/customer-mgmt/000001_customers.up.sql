-- Create customers table: a customer is a user who buys
CREATE TABLE customers (
    id UUID PRIMARY KEY DEFAULT uuid_v7_generate(),
    user_id UUID NOT NULL UNIQUE REFERENCES identity_users(id),
    display_name VARCHAR(255) NOT NULL,
    country_code CHAR(2) REFERENCES shared_countries(code),
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Create index
CREATE INDEX idx_customers_country ON customers(country_code);

-- Add comment
COMMENT ON TABLE customers IS 'Customers of the shop';

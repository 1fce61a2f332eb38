DROP INDEX IF EXISTS idx_customers_country;
DROP TABLE IF EXISTS customers;

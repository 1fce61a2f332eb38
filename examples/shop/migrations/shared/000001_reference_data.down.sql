DROP INDEX IF EXISTS idx_countries_currency;
DROP TABLE IF EXISTS shared_countries;
DROP TABLE IF EXISTS shared_currencies;

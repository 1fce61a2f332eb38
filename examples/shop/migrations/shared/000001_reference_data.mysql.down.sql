-- The index goes with its table.
DROP TABLE IF EXISTS shared_countries;
DROP TABLE IF EXISTS shared_currencies;

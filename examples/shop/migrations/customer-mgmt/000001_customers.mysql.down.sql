-- The index goes with its table.
DROP TABLE IF EXISTS customers;

CREATE TABLE customers (
  id integer PRIMARY KEY,
  name varchar(100) NOT NULL
);

INSERT INTO customers (id, name) VALUES (1, 'Anna Meier & Sons'), (2, 'Zoo Shop');

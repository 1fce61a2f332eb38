-- What every part of the shop refers to; codes of ISO 4217 and ISO 3166-1
CREATE TABLE shared_currencies (
    code CHAR(3) PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    minor_digits SMALLINT NOT NULL DEFAULT 2
);

CREATE TABLE shared_countries (
    code CHAR(2) PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    currency_code CHAR(3) NOT NULL,
    FOREIGN KEY (currency_code) REFERENCES shared_currencies(code)
);

CREATE INDEX idx_countries_currency ON shared_countries(currency_code);

INSERT INTO shared_currencies (code, name, minor_digits) VALUES
    ('EUR', 'Euro', 2),
    ('GBP', 'Pound sterling', 2),
    ('JPY', 'Yen', 0),
    ('UAH', 'Hryvnia', 2),
    ('USD', 'US dollar', 2);

INSERT INTO shared_countries (code, name, currency_code) VALUES
    ('DE', 'Germany', 'EUR'),
    ('FR', 'France', 'EUR'),
    ('GB', 'United Kingdom', 'GBP'),
    ('JP', 'Japan', 'JPY'),
    ('UA', 'Ukraine', 'UAH'),
    ('US', 'United States', 'USD');

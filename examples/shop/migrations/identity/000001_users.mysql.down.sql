-- Drop table; its indexes go with it
DROP TABLE IF EXISTS identity_users;

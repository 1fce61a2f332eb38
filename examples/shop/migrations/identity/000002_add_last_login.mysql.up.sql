-- Add last_login_at column
ALTER TABLE identity_users
ADD COLUMN last_login_at TIMESTAMP NULL;

-- Add index: MySQL has none for some of the rows only
CREATE INDEX idx_users_last_login
ON identity_users(last_login_at);

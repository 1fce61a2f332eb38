-- Drop index
DROP INDEX idx_users_last_login ON identity_users;

-- Drop column
ALTER TABLE identity_users
DROP COLUMN last_login_at;

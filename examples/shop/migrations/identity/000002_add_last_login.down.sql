-- Drop index
DROP INDEX IF EXISTS idx_users_last_login;

-- Drop column
ALTER TABLE identity_users
DROP COLUMN IF EXISTS last_login_at;

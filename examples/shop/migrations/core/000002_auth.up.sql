-- Who may do what: roles, permissions, and which role holds which permission
CREATE TABLE auth_roles (
    name VARCHAR(50) PRIMARY KEY,
    description VARCHAR(255) NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE auth_permissions (
    code VARCHAR(100) PRIMARY KEY,
    description VARCHAR(255) NOT NULL
);

CREATE TABLE auth_role_permissions (
    role_name VARCHAR(50) NOT NULL,
    permission_code VARCHAR(100) NOT NULL,
    PRIMARY KEY (role_name, permission_code),
    FOREIGN KEY (role_name) REFERENCES auth_roles(name) ON DELETE CASCADE,
    FOREIGN KEY (permission_code) REFERENCES auth_permissions(code) ON DELETE CASCADE
);

CREATE INDEX idx_role_permissions_permission ON auth_role_permissions(permission_code);

INSERT INTO auth_roles (name, description) VALUES
    ('admin', 'May do everything'),
    ('clerk', 'Looks after customers');

INSERT INTO auth_permissions (code, description) VALUES
    ('customers.read', 'See customers'),
    ('customers.write', 'Add and change customers'),
    ('users.write', 'Add, change and block users');

INSERT INTO auth_role_permissions (role_name, permission_code) VALUES
    ('admin', 'customers.read'),
    ('admin', 'customers.write'),
    ('admin', 'users.write'),
    ('clerk', 'customers.read'),
    ('clerk', 'customers.write');

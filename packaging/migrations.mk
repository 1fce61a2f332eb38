# migrations.mk
# The database is DATABASE_URL, or url: in whimbrel.yaml.
WHIMBREL ?= whimbrel

.PHONY: migrate migrate-up migrate-down migrate-status migrate-create migrate-new test-migrations

migrate: migrate-up

migrate-up:
	$(WHIMBREL) up

migrate-down:
	$(WHIMBREL) down

migrate-status:
	$(WHIMBREL) status

# make migrate-core, make migrate-customer-mgmt: one namespace, and what it requires
migrate-%:
	$(WHIMBREL) up --namespace $*

# make migrate-new CONTEXT=identity NAME=add_last_login
migrate-new:
	@test -n "$(CONTEXT)" -a -n "$(NAME)" || { echo "usage: make migrate-new CONTEXT=identity NAME=add_last_login" >&2; exit 2; }
	$(WHIMBREL) new "$(CONTEXT)" "$(NAME)"

# make migrate-create NAME=add_users, in a flat directory
migrate-create:
	@test -n "$(NAME)" || { echo "usage: make migrate-create NAME=add_users" >&2; exit 2; }
	$(WHIMBREL) new "$(NAME)"

# All the way up, down and up again, in a database that is thrown away.
test-migrations:
	rm -f test-migrations.db
	$(WHIMBREL) up --url $(or $(TEST_DATABASE_URL),sqlite:test-migrations.db)
	$(WHIMBREL) down --all --yes --url $(or $(TEST_DATABASE_URL),sqlite:test-migrations.db)
	$(WHIMBREL) up --url $(or $(TEST_DATABASE_URL),sqlite:test-migrations.db)

DROP FUNCTION IF EXISTS uuid_v7_generate();

-- UUID version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so that newer keys sort after older ones.
-- gen_random_uuid() gives the random bits and the variant; the time goes over its first six bytes; bits 52 and 53
-- turn its version 4 into 7.
CREATE FUNCTION uuid_v7_generate() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
    SELECT encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                    PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                    FROM 1 FOR 6),
            52, 1), 53, 1),
        'hex')::uuid;
$$;

COMMENT ON FUNCTION uuid_v7_generate() IS 'A new UUID version 7, ordered by time';

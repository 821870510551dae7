-- Adds an account; answers 0 where the name is taken.
--
-- KEYS: account   ARGV: the hash of its password, then its other fields, each name before its value

local present = redis.call('HGET', KEYS[1], 'password_hash')
-- Hashes are salted: the same hash is our own retry after a lost reply.
if present then return present == ARGV[1] and 1 or 0 end
redis.call('HSET', KEYS[1], 'password_hash', unpack(ARGV))
return 1

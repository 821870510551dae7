-- Replaces the hash of an account's password; answers 0 where it is not the one to be replaced.
--
-- KEYS: account   ARGV: the new hash, the one to be replaced ('': any), since when the password is so

local present = redis.call('HMGET', KEYS[1], 'password_hash', 'updated_at')
local hash, updated_at = present[1], present[2]
if not hash then return 0 end
if hash == ARGV[1] then return 1 end -- our own retry after a lost reply
if ARGV[2] ~= '' and hash ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'password_hash', ARGV[1], 'password_updated_at', ARGV[3],
  'updated_at', tonumber(ARGV[3]) > tonumber(updated_at) and ARGV[3] or updated_at)
return 1

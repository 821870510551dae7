-- Lets an account log in again; answers 0 where there is none.   KEYS: account   ARGV: now

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'disabled', '0', 'updated_at', ARGV[1])
return 1

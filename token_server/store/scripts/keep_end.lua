-- Writes once more why a session ended, so that there is a write to wait for.   KEYS: session

local because = redis.call('HGET', KEYS[1], 'e')
return because and redis.call('HSET', KEYS[1], 'e', because)

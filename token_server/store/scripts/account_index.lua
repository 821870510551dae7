-- Lists a name, or takes it off the list.   KEYS: the index   ARGV: 'SADD' or 'SREM', name

return redis.call(ARGV[1], KEYS[1], ARGV[2])

-- The subject's record is there only once all of its sessions were ended: `ends` says how often. A
-- session remembers how often that was when it began, and has ended where it is not so any more:
-- no server's clock is asked. The record outlives every session that it ends.

-- record: its key; lifetime: how long at least it must be kept, milliseconds; last: until when a
-- session may live by what was recorded of the signing keys, milliseconds
local function end_all_sessions(record, lifetime, last)
  redis.call('HINCRBY', record, 'ends', 1)
  -- By the store's own clock, which drops it: by a server's that is far behind it would be dropped
  -- at once. Without NX, GT changes no record that is new.
  redis.call('PEXPIRE', record, lifetime, 'NX')
  redis.call('PEXPIRE', record, lifetime, 'GT')
  redis.call('PEXPIREAT', record, last, 'GT')
end

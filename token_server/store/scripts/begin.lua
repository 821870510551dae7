-- Begins a session, unless its account bars it.
--
-- KEYS: session, subject record, account
-- ARGV: now, attempt, kid, policy, flags, its account ('1': it needs one; '2': it must have and have
--   had none), client, scope; '' where there is none

local now, attempt, kid = tonumber(ARGV[1]), ARGV[2], ARGV[3]

local before = read(KEYS[1])
if before.t == attempt then return answer('begun', before) end -- our own retry

local disabled = redis.call('HGET', KEYS[3], 'disabled')
if disabled == '1' or (ARGV[6] == '1' and redis.call('EXISTS', KEYS[3]) == 0) then
  return {'barred'}
end
if ARGV[6] == '2' then
  local is_account = redis.call('EXISTS', KEYS[3]) == 1
  if is_account or redis.call('HEXISTS', KEYS[2], 'removed') == 1 then return {'barred'} end
end

-- As from `read`: false where there is none.
local record = {n = ends_of(KEYS[2]), flags = tonumber(ARGV[5]), o = now, c = false, w = false}
for at, name in ipairs({'c', 'w'}) do
  if ARGV[6 + at] ~= '' then
    record[name] = ARGV[6 + at]
    redis.call('HSET', KEYS[1], name, record[name])
  end
end
issue(KEYS[1], KEYS[2], record, {generation = 0, base = -1, now = now, attempt = attempt,
  kid = kid, policy = policy_of(ARGV[4])})
return answer('begun', record)

-- One short message a request, in turn, so that lengths vary as they do in use.
local texts = {
  "Ok lar... see you at the station then",
  "WINNER!! You have been selected to receive a prize. Call 09061701461 now to claim",
  "Are we still on for dinner tonight? I can be there by seven if the train is on time",
  "Free entry in a weekly competition, text WIN to 87121. Terms apply",
}
local bodies = {}
for i, text in ipairs(texts) do bodies[i] = '{"input":"' .. text .. '"}' end
local turn = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  turn = turn % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[turn])
end

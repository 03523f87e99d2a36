-- JSON text made and checked by hand: values must come out as they went in, to the last digit.
--- @include base

-- A JSON string.
local function quoted(text)
    return '"' .. text:gsub('[%z\1-\31"\\]', function(c)
        return string.format('\\u%04x', c:byte())
    end) .. '"'
end

local function is_literal(token)
    if token == 'true' or token == 'false' or token == 'null' then
        return true
    end
    local whole, rest = token:match('^%-?(%d+)(.*)$')
    return whole and (whole == '0' or whole:byte() ~= 48) and
        (rest == '' or rest:match('^%.%d+$') or rest:match('^%.%d+[eE][+-]?%d+$') or rest:match('^[eE][+-]?%d+$'))
end

-- Whether a text is JSON for every parser. cjson knows the structure, but lets pass what others do
-- not read: NaN, hexadecimal numbers, line breaks within strings. So many bytes are looked at in one
-- call; what is beyond them counts as no JSON.
local check_left = 262144
local function is_json(text)
    check_left = check_left - #text
    if check_left < 0 or not pcall(cjson.decode, text) then
        return false
    end
    local bare = text:gsub('\\.', ''):gsub('"[^"%z\1-\31]*"', '')
    if bare:find('"', 1, true) then
        return false
    end
    for token in bare:gmatch('[^%s{}%[%],:]+') do
        if not is_literal(token) then
            return false
        end
    end
    return true
end

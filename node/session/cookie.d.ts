import v1 = require('../v1');
import Cookie = v1.Cookie;
export = Cookie;

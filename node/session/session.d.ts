import v1 = require('../v1');
import Session = v1.Session;
export = Session;
